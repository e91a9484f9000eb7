"""Alembic migrations, shipped with the server so that `studyhall migrate` needs no checkout."""
