"""The demo model for the tests of recognition."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from asr.models import default_model


@pytest.fixture(scope="session")
def model() -> Path:
    """The demo model."""
    return default_model()


@pytest.fixture
def broken_model(model: Path, tmp_path: Path) -> Callable[[], Path]:
    """A copy of the demo model to break."""

    def copy() -> Path:
        return Path(shutil.copytree(model, tmp_path / "model-under-test"))

    return copy
