"""The specification: sentences about Studyhall, each one checked."""
