"""The demo model for the tests of recognition."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from asr.manifest import MANIFEST
from asr.models import default_model


@pytest.fixture(scope="session")
def model() -> Path:
    """The demo model."""
    return default_model()


@pytest.fixture
def broken_model(model: Path, tmp_path: Path) -> Callable[[], Path]:
    """A copy of the demo model to break, without the seal that would name the change first."""

    def copy() -> Path:
        made = tmp_path / "model-under-test"
        shutil.copytree(model, made, ignore=shutil.ignore_patterns(MANIFEST))
        return made

    return copy
