"""Tests of app.storage, on SQLite and PostgreSQL alike."""
