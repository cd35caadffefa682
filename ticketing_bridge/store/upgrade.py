"""Bring a database to the schema of this version: one command, safe to run from several processes."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import OperationalError

from ticketing_bridge.store.errors import DatabaseAway, sqlalchemy_url

#: two upgraders at once: the second waits and finds nothing to do
UPGRADE_LOCK = 0x12345_00


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def upgrade(url: str, revision: str = "head") -> list[str]:
    """Apply the missing steps; returns their ids, oldest first (empty: nothing was to be done).

    Raises:
        DatabaseAway: the database does not answer.
    """
    engine = sqlalchemy.create_engine(sqlalchemy_url(url), connect_args={"connect_timeout": 5})
    try:
        with engine.connect() as guard:
            guard.execute(sqlalchemy.text("SELECT pg_advisory_lock(:key)"), {"key": UPGRADE_LOCK})
            with engine.connect() as connection:
                before = MigrationContext.configure(connection).get_current_revision()
                connection.rollback()
                config = _config()
                config.attributes["connection"] = connection
                command.upgrade(config, revision)
                connection.commit()
                after = MigrationContext.configure(connection).get_current_revision()
            steps = ScriptDirectory.from_config(config).iterate_revisions(after or "base", before or "base")
            return [step.revision for step in steps][::-1]
    except OperationalError as problem:
        raise DatabaseAway.because(problem) from None
    finally:
        engine.dispose()


def is_current(url: str) -> bool:
    """Has the database all steps of this version?"""
    engine = sqlalchemy.create_engine(sqlalchemy_url(url), connect_args={"connect_timeout": 5})
    try:
        with engine.connect() as connection:
            now = MigrationContext.configure(connection).get_current_revision()
            return now == ScriptDirectory.from_config(_config()).get_current_head()
    except OperationalError as problem:
        raise DatabaseAway.because(problem) from None
    finally:
        engine.dispose()
