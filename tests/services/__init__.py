"""Tests of app.services, on SQLite and PostgreSQL alike."""
