"""What all facts of the hotline share: frozen, and an unknown key is an error."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,30}$")]
Number = Annotated[str, Field(pattern=r"^\+?[0-9]{2,20}$")]


class Fact(BaseModel):
    """Base of all facts: frozen, and an unknown key is an error rather than a silent nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")
