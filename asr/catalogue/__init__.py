"""Public models that are known: names, sizes, licences, published error rates, checksums."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import yaml


@dataclass(frozen=True, slots=True)
class PublicModel:
    """One model that can be fetched."""

    name: str
    url: str
    #: of the zip file; None: nobody has told us, so whoever fetches it must
    sha256: str | None
    zip_bytes: int
    licence: str
    #: character errors in percent by test set, as published
    errors: Mapping[str, float] = field(default_factory=dict)
    note: str = ""


@cache
def public_models() -> Mapping[str, PublicModel]:
    """All of them by name."""
    listed = yaml.safe_load((Path(__file__).parent / "models.yaml").read_text(encoding="utf-8"))
    return {entry["name"]: PublicModel(**entry) for entry in listed}
