"""The hotline's memory: the embedded server, tables, migrations, repositories."""

from ticketing_bridge.store.database import Database, UnitOfWork
from ticketing_bridge.store.embedded import EmbeddedPostgres
from ticketing_bridge.store.errors import DatabaseAway
from ticketing_bridge.store.upgrade import is_current, upgrade

__all__ = ["Database", "DatabaseAway", "EmbeddedPostgres", "UnitOfWork", "is_current", "upgrade"]
