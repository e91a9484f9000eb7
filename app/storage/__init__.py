"""SQLAlchemy tables and queries. The only SQL in the house."""
