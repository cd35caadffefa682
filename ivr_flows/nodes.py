"""The nodes of a flow: what each kind is called, what it may say and where it may lead.

A node's kind is its first word (``say``, ``menu``, …). Every time is in milliseconds.
Wherever a node does not say where it goes on, the caller goes to the queue (of the dialled
line, or the one waited in): a forgotten branch ends at a person, never in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

KINDS = (
    *("say", "menu", "collect", "ask", "record", "queue", "transfer", "callback_offer"),
    *("lookup", "survey", "hours", "set", "answer", "goto", "hang_up"),
)
#: every key of a telephone
ALL_KEYS = "0123456789*#"
#: where a branch without a target goes: the queue that is waited in, at arrival that of the line
LINE_QUEUE = "{queue.id}"

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}$", description="name of a node")]
Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,30}$")]
Text = Annotated[str, Field(min_length=1, max_length=500)]
Label = Annotated[str, Field(min_length=1, max_length=40, description="as people read it")]
Key = Annotated[str, Field(pattern=r"^[0-9*#]$")]
Milliseconds = Annotated[int, Field(ge=500, le=30_000)]


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _keys_as_text(value: object) -> object:
    """YAML reads ``1:`` as a number; a telephone key is a character."""
    return {str(key): to for key, to in value.items()} if isinstance(value, Mapping) else value


def _key_as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _goodbye(value: object) -> object:
    return () if value is None or value is True else _one_or_many(value)


Texts = Annotated[tuple[Text, ...], BeforeValidator(_one_or_many), Field(min_length=1)]
OneKey = Annotated[Key, BeforeValidator(_key_as_text)]
ChannelVariable = Annotated[str, Field(pattern=r"^HOTLINE_[A-Z0-9_]{1,40}$")]


class Part(BaseModel):
    """Base of all nodes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Choice(Part):
    """What a key stands for: where it leads, and how people read it in the draft."""

    to: Name
    value: Label


KeyTargets = Annotated[dict[Key, Name | Choice], BeforeValidator(_keys_as_text)]


def target_of(choice: str | Choice) -> str:
    """The node that a key leads to."""
    return choice if isinstance(choice, str) else choice.to


class Say(Part):
    """Play texts. With ``barge_in`` a key ends them and counts for the next question."""

    say: Texts
    barge_in: bool = True
    notice: bool = Field(False, description="must be heard in full, whatever is pressed")
    next: Name | None = None
    empty: Name | None = Field(
        None, description="where to go at once when a name in the texts has nothing to say, e.g. hour.notice"
    )
    report: Literal["closed", "self_service"] | None = Field(
        None, description="fact put on the call when the texts were heard to their end"
    )

    @property
    def whole(self) -> bool:
        """Whether it is heard in full."""
        return self.notice or not self.barge_in


class Asking(Part):
    """What all questions share: how often one asks, and where a caller goes who cannot answer."""

    wrong: Texts | None = Field(None, description="said after a wrong answer, before asking again")
    silence: Texts | None = Field(None, description="said after no answer, before asking again")
    retries: int = Field(1, ge=0, le=3, description="times the question is asked again")
    barge_in: bool = True
    otherwise: Name | None = Field(None, description="after the last try; default: the queue")

    @property
    def attempts(self) -> int:
        return self.retries + 1


class Answerable(Asking):
    """A question whose answer may be kept for the draft."""

    answer: Label | None = Field(None, description="the answer is put on the call under this name")


class Menu(Answerable):
    """Ask for one key."""

    menu: Texts
    keys: Annotated[KeyTargets, Field(min_length=1)]
    timeout_ms: Milliseconds = 4000


class Collect(Answerable):
    """Read digits into ``{collected.<variable>}`` and the channel variable ``HOTLINE_<VARIABLE>``."""

    collect: Texts
    variable: Name
    hidden: bool = Field(False, description="the digits stay out of the steps and the channel's variables")
    min_digits: int = Field(1, ge=1, le=30)
    max_digits: int = Field(20, ge=1, le=30)
    terminator: Literal["", "#", "*"] = "#"
    first_timeout_ms: Milliseconds = 5000
    between_timeout_ms: Milliseconds = 3000
    next: Name | None = None


class SpokenChoice(Part):
    """One answer to an open question: the words that mean it, and its key."""

    words: Annotated[tuple[Text, ...], BeforeValidator(_one_or_many), Field(min_length=1)]
    key: OneKey | None = None
    to: Name | None = Field(None, description="default: the node's next")


class Ask(Answerable):
    """Ask openly and listen: the answer is one of ``choices``, or with ``free`` the words as they are."""

    ask: Texts
    choices: dict[Label, SpokenChoice] = Field(default_factory=dict)
    free: bool = Field(False, description="keep the words as the answer")
    variable: Name | None = Field(None, description="the answer is kept as {collected.<variable>} too")
    unclear: Texts | None = Field(None, description="said when nothing was understood, before asking again")
    confirm: Texts | None = Field(
        None, description="asked with {heard} before the answer counts; key 2 or 不对 asks again"
    )
    by_keys: Texts | None = Field(None, description="asked when nobody can listen or nothing was understood")
    keys_timeout_ms: Milliseconds = 4000
    first_timeout_ms: Milliseconds = 4000
    most_ms: Milliseconds = 8000
    least_confidence: float = Field(0.3, ge=0, le=1, description="below it, words count as unclear")
    next: Name | None = None

    @model_validator(mode="after")
    def _answerable(self) -> Self:
        if self.free == bool(self.choices):
            raise ValueError("write either choices or free: true")
        keys = [choice.key for choice in self.choices.values() if choice.key]
        for key in sorted(set(keys)):
            if keys.count(key) > 1:
                raise ValueError(f"key {key} is there twice")
        words = [word for choice in self.choices.values() for word in choice.words]
        for word in sorted(set(words)):
            if words.count(word) > 1:
                raise ValueError(f"the word {word} is there twice")
        if self.by_keys and not keys:
            raise ValueError("by_keys asks for keys, and no choice has a key")
        return self

    @property
    def by_key(self) -> dict[str, str]:
        """The answer that each key stands for."""
        return {choice.key: value for value, choice in self.choices.items() if choice.key}


class Record(Part):
    """Take a message; one that is too short is asked for again."""

    record: Texts
    most_ms: int = Field(120_000, ge=5000, le=600_000)
    silence_ms: Milliseconds = 4000
    shortest_ms: Milliseconds = 2000
    too_short: Texts | None = Field(None, description="said before another try")
    retries: int = Field(1, ge=0, le=3)
    next: Name | None = None
    otherwise: Name | None = Field(None, description="no message was left; default: the queue")

    @property
    def attempts(self) -> int:
        return self.retries + 1


class CallbackOffer(Asking):
    """Offer to phone back when it is the caller's turn; one key confirms."""

    callback_offer: Texts
    number: Annotated[str, Field(max_length=60)] = "{caller.number}"
    key: OneKey = "1"
    keys: KeyTargets = Field(default_factory=dict, description="further keys")
    timeout_ms: Milliseconds = 4000
    next: Name | None = Field(None, description="after the call-back was promised: say goodbye there")
    withheld: Name | None = Field(None, description="when there is no number to phone; default: otherwise")
    refused: Name | None = Field(None, description="the house may not phone this number; default: otherwise")
    unavailable: Texts | None = Field(None, description="said when the promise could not be kept safely")

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        if self.key in self.keys:
            raise ValueError(f"key {self.key} is there twice")
        return self


class Branch(Part):
    """What is said in one case, and where it goes on."""

    say: Texts
    next: Name | None = None


class Lookup(Part):
    """Ticket progress: by the ticket's number, or without ``number_variable`` by the calling number."""

    lookup: Texts = Field(description="said while looking")
    number_variable: Name | None = None
    digits_variable: Name
    found: Branch
    unknown: Branch
    locked: Branch
    unavailable: Branch


class Survey(Asking):
    """One key as the caller's judgement: each key's score is 1 (worst) to 5 (best)."""

    survey: Texts
    scores: Annotated[
        dict[Key, Annotated[int, Field(ge=1, le=5)]], BeforeValidator(_keys_as_text), Field(min_length=2)
    ] = Field(default_factory=lambda: {str(score): score for score in range(1, 6)})
    timeout_ms: Milliseconds = 4000
    next: Name | None = None


class Hours(Part):
    """Whether the opening hours of this name are on now; holidays and make-up days count."""

    hours: Identifier
    open: Name | None = None
    closed: Name | None = None


class Set(Part):
    """Set channel variables for the dialplan; those that a queue or transfer node sets belong to it."""

    set: dict[ChannelVariable, Annotated[str, Field(max_length=200)]] = Field(min_length=1)
    next: Name | None = None


class Answer(Part):
    """Put an answer on the call that the caller did not have to give."""

    answer: Label
    value: Annotated[str, Field(min_length=1, max_length=200)]
    next: Name | None = None


class FlowRef(Part):
    """Another flow, from its start."""

    flow: Identifier


class Goto(Part):
    """Go on elsewhere: a node of this flow, or another flow."""

    goto: Name | FlowRef


class Queue(Part):
    """The end that citizens want: a queue with people behind it."""

    queue: Annotated[str, Field(min_length=1, max_length=60)]
    priority: Literal["normal", "raised", "urgent"] = "normal"


class Transfer(Part):
    """To an emergency number at once; whoever is not reached there goes to ``otherwise``, urgently."""

    transfer: Identifier
    agent_too: bool = Field(False, description="an agent listens in and can help")
    otherwise: Name | None = Field(None, description="a queue node; default: the queue")


class HangUp(Part):
    """Say goodbye, if there is something to say, and end the call."""

    hang_up: Annotated[tuple[Text, ...], BeforeValidator(_goodbye)] = ()


def _kind(value: object) -> str | None:
    if isinstance(value, Part):
        value = type(value).model_fields
    if not isinstance(value, Mapping):
        return None
    found = [kind for kind in KINDS if kind in value]
    if len(found) > 1 and "answer" in found:  # a question's answer is its field
        found.remove("answer")
    return found[0] if len(found) == 1 else None


Node = Annotated[
    Annotated[Say, Tag("say")]
    | Annotated[Menu, Tag("menu")]
    | Annotated[Collect, Tag("collect")]
    | Annotated[Ask, Tag("ask")]
    | Annotated[Record, Tag("record")]
    | Annotated[Queue, Tag("queue")]
    | Annotated[Transfer, Tag("transfer")]
    | Annotated[CallbackOffer, Tag("callback_offer")]
    | Annotated[Lookup, Tag("lookup")]
    | Annotated[Survey, Tag("survey")]
    | Annotated[Hours, Tag("hours")]
    | Annotated[Set, Tag("set")]
    | Annotated[Answer, Tag("answer")]
    | Annotated[Goto, Tag("goto")]
    | Annotated[HangUp, Tag("hang_up")],
    Discriminator(
        _kind,
        custom_error_type="node_kind",
        custom_error_message=f"a node needs exactly one of {', '.join(KINDS)}",
    ),
]
