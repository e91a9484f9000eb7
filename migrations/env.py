"""Alembic's entry: runs the migrations on the connection it is given by `app.storage.migrate`."""

from alembic import context

from app.storage.tables import metadata

config = context.config


def run() -> None:
    """Runs all pending migrations in one transaction, on SQLite and PostgreSQL alike."""
    connection = config.attributes["connection"]
    context.configure(
        connection=connection, target_metadata=metadata, render_as_batch=connection.dialect.name == "sqlite"
    )
    with context.begin_transaction():
        context.run_migrations()


run()
