"""Fixtures that all tests share: one PostgreSQL, one Asterisk, a browser, a foreign telephone."""

from __future__ import annotations

import os

from hypothesis import settings

from tests.provision import browser, node, sipp

pytest_plugins = ["tests.database", "tests.pbx", "tests.sharing_out"]

# A busy machine is slow; speed is the benchmarks' matter.
settings.register_profile("hotline", deadline=None)
settings.load_profile("hotline")

# Every house that a test starts has seven roles: compiled once, not by each of them anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

for _variable, _found in (
    ("HOTLINE_CHROMIUM", browser()),
    ("HOTLINE_SIPP", sipp()),
    ("PLAYWRIGHT_NODEJS_PATH", node()),
):
    if _found is not None:
        os.environ.setdefault(_variable, str(_found))
