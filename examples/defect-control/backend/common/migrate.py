"""Alembic at start: one process migrates, the others wait for it and find nothing to do."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command, context
from alembic.config import Config
from sqlalchemy import MetaData, text

from common.database import Database

ADVISORY_LOCK = 0x64656665637473  # "defects": PostgreSQL's lock of this purpose, one a database


def upgrade(database: Database, migrations: Path) -> None:
    with _alone(database), database.migrating() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
        config = Config()
        config.set_main_option("script_location", str(migrations))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def run(metadata: MetaData) -> None:
    """What each service's `migrations/env.py` calls."""
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, compare_type=True)
    context.run_migrations()


@contextmanager
def _alone(database: Database) -> Iterator[None]:
    file = database.settings.sqlite_file
    if file is None:
        yield
        return
    with (file.parent / ".migrating").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
