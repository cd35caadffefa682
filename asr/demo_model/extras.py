"""Packages that only the builder needs, asked for when they are needed."""

from __future__ import annotations

import importlib
from typing import Any


class BuilderMissing(RuntimeError):
    """A package of the optional extra ``demo-model`` is not installed."""


def need(name: str) -> Any:
    """The module ``name``, or an error that says how to get it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise BuilderMissing(
            f"Building the demo model needs {name}: install the extra with `uv sync --extra demo-model`"
        ) from error
