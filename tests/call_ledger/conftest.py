from __future__ import annotations

import sys
from pathlib import Path

from tests.database import database, database_server, database_url

sys.path.insert(0, str(Path(__file__).parent))

__all__ = ["database", "database_server", "database_url"]
