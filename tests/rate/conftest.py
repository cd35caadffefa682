from __future__ import annotations

from tests.database import database, database_server, database_url

__all__ = ["database", "database_server", "database_url"]
