"""FastAPI routes of a few lines each, problem+json and authentication. No SQL and no search here."""
