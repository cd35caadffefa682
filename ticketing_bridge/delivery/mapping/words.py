"""How the parts of a ticket are named where people of another system read them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml


@cache
def words() -> dict[str, str]:
    """The names, by field."""
    content: dict[str, str] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    return content
