"""What we ask of a PBX by AMI, and how it may be refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from facts.errors import HotlineError
from telephony.gateway import clean_field, clean_name


class AmiError(HotlineError):
    """The manager interface did not do what was asked."""

    error_id = "ami-error"


class AmiUnreachable(AmiError):
    """The PBX's manager interface cannot be reached."""

    error_id = "ami-unreachable"


class AmiLoginRefused(AmiError):
    """The PBX refused our AMI login."""

    error_id = "ami-login-refused"


class AmiNoAnswer(AmiError):
    """The PBX did not answer in time."""

    error_id = "ami-no-answer"


class AmiActionRefused(AmiError):
    """The PBX refused an action."""

    error_id = "ami-action-refused"


@dataclass(frozen=True, slots=True)
class Action:
    """One AMI action. A value that is a sequence is sent as one header each.

    Names and values pass the gateway when the action is made, so an action that exists
    can be sent.

    Raises:
        FieldRefused: a name or value could break out of its header.
    """

    name: str
    fields: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    #: that it was accepted (queued) is answer enough: what becomes of an Originate may take hours
    accepted_is_enough: bool = False

    def __post_init__(self) -> None:
        clean_name(self.name, "an action's name")
        for name, value in self.fields.items():
            clean_name(name)
            for one in (value,) if isinstance(value, str) else value:
                clean_field(one, f"{self.name}'s {name}")

    def headers(self) -> dict[str, str | list[str]]:
        """As sent. Originate is always asynchronous: without it the answer cannot be told apart."""
        headers: dict[str, str | list[str]] = {"Action": self.name}
        for name, value in self.fields.items():
            headers[name] = value if isinstance(value, str) else list(value)
        if self.name.lower() == "originate":
            headers = {name: value for name, value in headers.items() if name.lower() != "async"}
            headers["Async"] = "true"
        return headers


@dataclass(frozen=True, slots=True)
class ActionResult:
    """The PBX's answer; ``items`` are the events of a list, without its end."""

    headers: Mapping[str, str]
    items: tuple[Mapping[str, str], ...] = ()

    @property
    def message(self) -> str:
        return self.headers.get("Message", "")
