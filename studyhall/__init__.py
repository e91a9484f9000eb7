"""The words and the HTTP client of Studyhall: all that a user's code imports."""
