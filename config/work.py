"""How agents work: skills, reasons for a pause, feature codes of their telephones, shift leaders."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from config.facts import Fact, Identifier, Number

#: 9: at home in it; 1: in an emergency
SkillLevel = Annotated[int, Field(ge=1, le=9)]
BEST_SKILL = 9
#: the feature codes of agents' telephones; a pause is followed by the key of its reason
SIGN_IN, SIGN_OUT, READY, PAUSE, WRAP_UP = "*45", "*46", "*47", "*48", "*49"
#: reasons that the hotline itself gives: signed out (a member whom no queue lets go), after a talk
OFF, WRAPPING_UP = "off", "wrap_up"


class Person(Fact):
    """Somebody with a telephone of the hotline's: its SIP endpoint is named ``id``."""

    id: Identifier
    extension: Number
    name: str
    #: login of the web account; default: the same as ``id``
    account: str | None = None

    @property
    def login(self) -> str:
        """The web account that is this person."""
        return self.account or self.id


class Agent(Person):
    """One agent: SIP endpoint, queue member, person of the desk."""

    queues: tuple[Identifier, ...] = Field(min_length=1)
    penalty: int = Field(0, ge=0, le=100)
    #: what a queue may need (a dialect, a field), and how well
    skills: dict[Identifier, SkillLevel] = Field(default_factory=dict)


class Leader(Person):
    """A shift leader's telephone: listens, whispers, barges in; takes no calls. Its account has that role."""


class Pause(Fact):
    """A reason for taking no calls. ``key`` follows the feature code on the telephone."""

    id: Identifier
    name: str
    key: str = Field(pattern=r"^[0-9]$")

    @model_validator(mode="after")
    def _not_ours(self) -> Self:
        if self.id in (OFF, WRAPPING_UP):
            raise ValueError(f"{self.id} is the hotline's own reason")
        return self


class SpokenBack(Fact):
    """What an agent's telephone says after a feature code; empty: nothing."""

    signed_in: str = ""
    signed_out: str = ""
    ready: str = ""
    #: after every reason for a pause
    paused: str = ""
    wrap_up: str = ""
    #: asked without being signed in
    not_signed_in: str = ""


class Warnings(Fact):
    """What a caller hears before our side ends the call; empty: nothing."""

    silent: str = ""
    prank: str = ""
    abusive: str = ""


class Work(Fact):
    """Everything about agents at work that is not one agent's."""

    #: ``phone``: who has a registered telephone takes calls; ``person``: only who has signed in
    sign_in: str = Field(default="phone", pattern=r"^(phone|person)$")
    pauses: tuple[Pause, ...] = ()
    spoken_back: SpokenBack = SpokenBack()
    warnings: Warnings = Warnings()
    #: a third party rings so long
    ring_s: int = Field(default=25, ge=5, le=120)

    @model_validator(mode="after")
    def _keys(self) -> Self:
        for what, names in (("key", [it.key for it in self.pauses]), ("id", [it.id for it in self.pauses])):
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"pauses: {what} {', '.join(twice)} is there twice")
        return self

    def spoken(self) -> tuple[str, ...]:
        """Every text that the PBX plays by itself."""
        said, warned = self.spoken_back, self.warnings
        texts = (
            *(said.signed_in, said.signed_out, said.ready, said.paused, said.wrap_up, said.not_signed_in),
            *(warned.silent, warned.prank, warned.abusive),
        )
        return tuple(text for text in texts if text)
