"""The fields of a work sheet, read from ``form.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field

FILE = Path(__file__).parent / "form.yaml"

#: what a flag that is set looks like as text
YES = "1"


class Kind(StrEnum):
    """How a field is filled."""

    LINE = "line"
    AREA = "area"
    CHOICE = "choice"
    FLAG = "flag"


class FormField(BaseModel):
    """One field. ``least``: the precision below which its draft switches itself off."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    name: str
    label: str
    kind: Kind
    least: float = Field(0.8, ge=0, le=1)
    #: words may be mended: what is nearly the same counts as right
    free: bool = False
    #: a ticket that is dispatched must have it
    needed: bool = False
    #: false: nothing drafts it, it is a person's alone
    drafted: bool = True
    choices: tuple[str, ...] = ()
    #: name of a list of suggestions
    list: str = ""
    width: int = Field(6, ge=1, le=6)


@cache
def form() -> Mapping[str, FormField]:
    """All fields by name, in the order of the sheet."""
    fields = [FormField(**it) for it in yaml.safe_load(FILE.read_text(encoding="utf-8"))]
    return {field.name: field for field in fields}


def drafted_fields() -> tuple[str, ...]:
    """Names of the fields that drafting fills."""
    return tuple(name for name, field in form().items() if field.drafted)
