"""Where tickets go: connectors to the city's other systems. Checked once; secrets are named only."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, Field, ValidationError, model_validator

from config.facts import Fact, Identifier
from config.hotline import DEFAULTS
from config.strict_yaml import load_strict
from facts.errors import HotlineError


class DeliveryConfigInvalid(HotlineError):
    """The configuration of deliveries is wrong."""

    error_id = "delivery-config-invalid"


class Sends(StrEnum):
    """What a connector wants to be told; the values are those of the outbox."""

    TICKET = "ticket"
    UPDATE = "update"
    RECEIPT = "receipt"
    RESULT = "result"
    WARNING = "warning"
    MISSED_CALL = "missed_call"
    CALL = "call"


class Meaning(StrEnum):
    """What a state of the other system means for our ticket."""

    #: it is there, nothing has happened
    RECEIVED = "received"
    #: the unit has signed for it
    SIGNED = "signed"
    #: it is being handled
    WORKING = "working"
    #: the unit has answered: the reply of our ticket
    REPLIED = "replied"
    #: the unit says that it is not its matter
    RETURNED = "returned"
    #: it ended there without an answer (merged, deleted)
    ENDED = "ended"
    #: what was answered, returned or ended is being handled again
    REOPENED = "reopened"


def _http(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{url!r} is no http(s) address")
    if parts.username or parts.password:
        raise ValueError("an address carries no password: name a secret")
    return url.rstrip("/")


Url = Annotated[str, AfterValidator(_http)]
#: the name under which ``hotline delivery secret NAME`` keeps it
SecretName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")]


class RetryPolicy(Fact):
    """How long a delivery is tried. Pauses grow from ``first_s`` to ``most_s``, each varied at random."""

    attempts: int = Field(default=12, ge=1, le=100)
    first_s: float = Field(default=5.0, gt=0, le=3600)
    most_s: float = Field(default=3600.0, gt=0, le=86_400)
    factor: float = Field(default=2.0, ge=1, le=10)
    #: share of the pause that is drawn, so that a thousand deliveries do not come back at once
    jitter: float = Field(default=0.5, ge=0, le=1)


class ConnectorBase(Fact):
    """What all connectors have."""

    id: Identifier
    name: str = Field("", description="as people know it; default: the id")
    #: anybody can read what arrives there: nothing confidential, nobody's name or number ever goes
    public: bool = False
    #: who called is told, too (never of a confidential or anonymous ticket)
    reporter: bool = False
    #: only tickets of these channels or for these units; empty: all
    channels: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    timeout_s: float = Field(15.0, gt=0, le=120)
    concurrency: int = Field(2, ge=1, le=32, description="requests at the same time")
    retry: RetryPolicy = RetryPolicy()
    #: how often the states of open tickets are asked for, seconds; 0: they come by webhook
    poll_s: float = Field(300.0, ge=0, le=86_400)

    @property
    def label(self) -> str:
        """Its name for people."""
        return self.name or self.id

    @model_validator(mode="after")
    def _nobody_in_public(self) -> Self:
        if self.public and self.reporter:
            raise ValueError(f"{self.id}: a public endpoint must not be told who called (reporter: false)")
        return self


class Open311(ConnectorBase):
    """A GeoReport v2 server. Everything that it takes may be published by it, so it is public by default."""

    kind: Literal["open311"]
    url: Url
    public: bool = True
    format: Literal["json", "xml"] = "json"
    api_key: SecretName
    jurisdiction: str | None = None
    #: service code of each appeal class, and of all others
    services: Mapping[str, str] = Field(default_factory=dict)
    service: str
    #: answers to the questions that a service's definition requires, by service code: code → value or values
    attributes: Mapping[str, Mapping[str, str | tuple[str, ...]]] = Field(default_factory=dict)
    #: said when a ticket has no place: the standard wants one
    address: str = Field(min_length=1)
    sends: tuple[Sends, ...] = (Sends.TICKET,)
    states: Mapping[str, Meaning] = Field(
        default_factory=lambda: {"open": Meaning.RECEIVED, "closed": Meaning.REPLIED}
    )


class Zammad(ConnectorBase):
    """Tickets of a Zammad. ``key_field``: an attribute for our key; default: it stands in the title."""

    kind: Literal["zammad"]
    url: Url
    token: SecretName
    group: str
    #: groups of units, and the group of all others is ``group``
    groups: Mapping[str, str] = Field(default_factory=dict)
    #: the e-mail under which the hotline's tickets are filed
    customer: str = Field(pattern=r"^[^@\s]+@[^@\s]+$")
    key_field: str | None = Field(None, pattern=r"^[a-z][a-z0-9_]{0,60}$")
    sends: tuple[Sends, ...] = (Sends.TICKET, Sends.UPDATE)
    states: Mapping[str, Meaning] = Field(
        default_factory=lambda: {
            "new": Meaning.RECEIVED,
            "open": Meaning.SIGNED,
            "pending reminder": Meaning.WORKING,
            "pending close": Meaning.WORKING,
            "closed": Meaning.REPLIED,
            "merged": Meaning.ENDED,
        }
    )


class ZammadCti(ConnectorBase):
    """Zammad's Generic CTI: it shows who calls. Its address carries a token, so that is a secret."""

    kind: Literal["zammad_cti"]
    url: Url = Field(description="https://zammad.example.cn; the token of the endpoint is the secret")
    token: SecretName
    sends: tuple[Sends, ...] = (Sends.CALL,)
    #: an event that is older is of no use on a screen, seconds
    fresh_s: float = Field(60.0, gt=0)
    poll_s: float = 0
    retry: RetryPolicy = RetryPolicy(attempts=4, first_s=1.0, most_s=10.0)


class Webhook(ConnectorBase):
    """A system of the city's own: signed JSON, the key in ``Idempotency-Key``; see ``docs/delivery.md``."""

    kind: Literal["webhook"]
    url: Url
    secret: SecretName
    #: GET LOOKUP/KEY says what became of a key; without it the other side must know a key again
    lookup: Url | None = None
    sends: tuple[Sends, ...] = (Sends.TICKET, Sends.UPDATE)
    states: Mapping[str, Meaning] = Field(default_factory=lambda: {it.value: it for it in Meaning})


class Sms(ConnectorBase):
    """An SMS gateway spoken to by HTTP. Places in ``fields`` and ``texts``: see ``docs/delivery.md``."""

    kind: Literal["sms"]
    url: Url
    token: SecretName | None = None
    #: the header that carries the token, with {token} in it
    header: str = "Authorization"
    header_value: str = "Bearer {token}"
    form: bool = Field(False, description="as a form instead of JSON")
    fields: Mapping[str, str] = Field(min_length=1)
    #: a sent message's answer: this field has this value
    success_field: str = "code"
    success_value: str = "0"
    id_field: str = "msgid"
    #: it knows a key again ({key} in fields): a message in doubt may be sent again
    idempotent: bool = False
    #: of confidential tickets, too: the gateway's company sees number and text
    confidential: bool = False
    texts: Mapping[Sends, str] = Field(min_length=1)
    poll_s: float = 0

    @property
    def sends(self) -> tuple[Sends, ...]:
        """What there is a text for."""
        return tuple(self.texts)

    @model_validator(mode="after")
    def _for_phones(self) -> Self:
        known = {Sends.RECEIPT, Sends.RESULT, Sends.MISSED_CALL, Sends.WARNING}
        if wrong := sorted(it.value for it in set(self.texts) - known):
            raise ValueError(f"{self.id}: texts: {', '.join(wrong)} is nothing that goes to a phone")
        for name, text in [*self.fields.items(), *self.texts.items()]:
            try:
                text.format(mobile="", text="", key="", number="", unit="", title="", name="", warning="")
            except (KeyError, ValueError, IndexError) as problem:
                raise ValueError(f"{self.id}: {name}: no such place: {problem}") from None
        return self


Connector = Annotated[Open311 | Zammad | ZammadCti | Webhook | Sms, Field(discriminator="kind")]


class DeliveryConfig(Fact):
    """All connectors, and how often things are looked after."""

    connectors: tuple[Connector, ...] = ()
    #: channels from which other systems and files may bring tickets; empty: any
    inbound: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        ids = [it.id for it in self.connectors]
        if twice := sorted({it for it in ids if ids.count(it) > 1}):
            raise ValueError(f"connector {', '.join(twice)} is there twice")
        return self

    def get(self, connector: str) -> Open311 | Zammad | ZammadCti | Webhook | Sms | None:
        """The connector with this id."""
        return next((it for it in self.connectors if it.id == connector), None)


def delivery_path(folder: Path | None = None) -> Path:
    """Where ``delivery.yaml`` of a city's folder is, or the built-in one."""
    return (folder or DEFAULTS) / "delivery.yaml"


def load_delivery(folder: Path | None = None) -> DeliveryConfig:
    """Read ``delivery.yaml`` of the city's folder, or the built-in one, which names no connector.

    Raises:
        DeliveryConfigInvalid: naming the file and every wrong place in it.
    """
    path = delivery_path(folder)
    if not path.exists():
        return DeliveryConfig()
    try:
        return DeliveryConfig.model_validate(load_strict(path.read_text(encoding="utf-8")) or {})
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        raise DeliveryConfigInvalid(f"{path} is not YAML: {' '.join(str(problem).split())}") from None
    except ValidationError as problems:
        lines = [f"{'.'.join(map(str, it['loc'])) or 'file'}: {it['msg']}" for it in problems.errors()]
        raise DeliveryConfigInvalid(f"{path}: " + "; ".join(lines), fix="correct the named places") from None
