"""Calls as people see them: rows of the ledger in, view models out. Pure: no clock, no SQL, no HTML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from config.hotline import Hotline
from facts.call import Call, CallState
from facts.masking import mask_number
from ticketing_bridge.desk.labels import labels
from ticketing_bridge.rate.service import LOCAL


def duration(seconds: float | None) -> str:
    """Seconds as people read them: ``m:ss`` or ``h:mm:ss``; ``—`` for none.

    >>> duration(65.9), duration(3725), duration(None)
    ('1:05', '1:02:05', '—')
    """
    if seconds is None:
        return "—"
    minutes, s = divmod(max(0, int(seconds)), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02}:{s:02}" if hours else f"{m}:{s:02}"


def clock(at: datetime) -> str:
    """The local time of day, to the second."""
    return at.astimezone(LOCAL).strftime("%H:%M:%S")


def until(moment: datetime) -> str:
    """An end in Asia/Shanghai, to the minute; midnight is the end of the day before.

    >>> from datetime import UTC
    >>> until(datetime(2026, 11, 30, 16, tzinfo=UTC))
    '11-30 24:00'
    """
    local = moment.astimezone(LOCAL)
    if (local.hour, local.minute) == (0, 0):
        return f"{local - timedelta(days=1):%m-%d} 24:00"
    return f"{local:%m-%d %H:%M}"


def day_clock(at: datetime) -> str:
    """Local day and time."""
    return at.astimezone(LOCAL).strftime("%m-%d %H:%M:%S")


@dataclass(frozen=True, slots=True)
class CallView:
    """One call on the board, and the head of its own page. The number is masked."""

    key: str
    url: str
    state: str
    tone: str
    outcome: str | None
    number: str
    has_number: bool
    line: str
    agent: str | None
    arrived_at: datetime
    #: since when the call is in what it is in: start of talk, else arrival; None once ended
    since_s: float | None
    since_ms: int | None
    wait_s: float | None
    talk_s: float | None
    flags: tuple[str, ...]
    talking: bool
    answered: bool
    ended: bool
    recorded: bool
    cause: str | None
    draft: str | None = None
    #: who speaks now and the end of what is said, while the call is on
    saying: str = ""


def call_url(key: str) -> str:
    """Where a call's own page is."""
    return f"/calls/{quote(key, safe=':')}"


def call_view(
    call: Call, hotline: Hotline, now: datetime, *, draft: str | None = None, saying: str = ""
) -> CallView:
    """A call as people see it."""
    words = labels()
    ended = call.state is CallState.ENDED
    ringing = ringing_agent(call)
    if ended:
        label = words.outcomes[call.outcome] if call.outcome else words.states["ended"]
    else:
        label = words.states["ringing" if ringing else call.state]
    since = None if ended else _since(call)
    agent = call.agent or ringing
    return CallView(
        key=str(call.key),
        url=call_url(str(call.key)),
        state=label.text,
        tone=label.tone,
        outcome=label.text if ended else None,
        number=mask_number(call.caller_number),
        has_number=bool(call.caller_number),
        line=line_name(hotline, call.line),
        agent=agent_name(hotline, agent) if agent else None,
        arrived_at=call.arrived_at,
        since_s=(now - since).total_seconds() if since else None,
        since_ms=epoch_ms(since) if since else None,
        wait_s=wait_s(call),
        talk_s=talk_s(call),
        flags=tuple(text for flag, text in words.flags.items() if flag in call.flags),
        talking=call.state is CallState.TALKING,
        answered=call.answered_at is not None,
        ended=ended,
        recorded=call.recording is not None,
        cause=call.cause,
        draft=draft,
        saying=saying,
    )


def epoch_ms(at: datetime) -> int:
    """Milliseconds since 1970, for the page's clocks."""
    return round(at.timestamp() * 1000)


def _since(call: Call) -> datetime:
    return call.answered_at if call.state is CallState.TALKING and call.answered_at else call.arrived_at


def ringing_agent(call: Call) -> str | None:
    """Who is being rung for a waiting caller now."""
    if call.state is not CallState.QUEUED:
        return None
    return next((ring.agent for ring in reversed(call.rings) if ring.result is None), None)


def wait_s(call: Call) -> float | None:
    """Seconds from arrival to an agent, or to the end when there was none; None while waiting."""
    until = call.answered_at or call.ended_at
    return (until - call.arrived_at).total_seconds() if until else None


def talk_s(call: Call) -> float | None:
    """Seconds from the first agent to the end; None when never answered or not over."""
    if call.answered_at is None or call.ended_at is None:
        return None
    return (call.ended_at - call.answered_at).total_seconds()


def line_name(hotline: Hotline, line_id: str) -> str:
    """The line's name in the configuration, its id when the city has dropped it."""
    line = hotline.line(line_id)
    return line.name if line else line_id


def agent_name(hotline: Hotline, agent_id: str) -> str:
    """The agent's name in the configuration, the id when there is none."""
    return next((agent.name for agent in hotline.agents if agent.id == agent_id), agent_id)


def queue_name(hotline: Hotline, queue_id: str) -> str:
    """The queue's name in the configuration, the id when there is none."""
    return next((queue.name for queue in hotline.queues if queue.id == queue_id), queue_id)


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a call's timeline."""

    at: datetime
    offset_s: float
    text: str
    detail: str
    tone: str


def timeline(call: Call, hotline: Hotline) -> tuple[Step, ...]:
    """What happened to the caller, in order of time."""
    names = labels().steps
    steps = [
        Step(at, (at - call.arrived_at).total_seconds(), names[name], detail, tone)
        for at, name, detail, tone in _happenings(call, hotline)
    ]
    return tuple(sorted(steps, key=lambda step: step.at))


def _happenings(call: Call, hotline: Hotline) -> Iterator[tuple[datetime, str, str, str]]:
    words = labels()
    yield call.arrived_at, "arrived", f"{line_name(hotline, call.line)} {call.did}", "mute"
    for at, name in (
        (call.notice_at, "notice"),
        (call.flow_entered_at, "flow_entered"),
        (call.flow_left_at, "flow_left"),
    ):
        if at:
            yield at, name, "", "mute"
    for leg in call.queue_legs:
        place = f"#{leg.position}" if leg.position else ""
        yield leg.joined_at, "queue_joined", f"{queue_name(hotline, leg.queue)} {place}".strip(), "wait"
    for step in call.steps:
        key = f"按 {step.key}" if step.key else ""
        yield step.at, "step", f"{step.flow} · {step.node} {key}".strip(), "mute"
    for ring in call.rings:
        result = words.ring_results.get(ring.result or "", "")
        yield ring.rang_at, "ring", f"{agent_name(hotline, ring.agent)} {result}".strip(), "wait"
    for talk in call.agent_legs:
        yield talk.bridged_at, "answered", agent_name(hotline, talk.agent), "ok"
        if talk.left_at and talk.left_at != call.ended_at:
            yield talk.left_at, "agent_left", agent_name(hotline, talk.agent), "mute"
    if call.ended_at:
        outcome = words.outcomes[call.outcome] if call.outcome else words.states["ended"]
        by = words.ended_by[call.ended_by] if call.ended_by else ""
        yield call.ended_at, "ended", f"{outcome.text} {by}".strip(), outcome.tone


@dataclass(frozen=True, slots=True)
class BoardView:
    """What the board shows beside the rate."""

    live: tuple[CallView, ...]
    ended: tuple[CallView, ...]

    @property
    def live_talking(self) -> int:
        return sum(call.talking for call in self.live)

    @property
    def live_waiting(self) -> int:
        return len(self.live) - self.live_talking


def board_view(
    live: Sequence[Call],
    ended: Sequence[Call],
    hotline: Hotline,
    now: datetime,
    *,
    drafts: Mapping[str, str],
    saying: Mapping[str, str],
) -> BoardView:
    """Live calls, those who wait first and longest first; ended calls, newest first.

    ``drafts`` and ``saying`` give titles of drafts and the newest words, by call key.
    """
    waiting_first = sorted(live, key=lambda call: (call.state is CallState.TALKING, _since(call)))
    newest_first = sorted(ended, key=lambda call: call.arrived_at, reverse=True)
    return BoardView(
        live=tuple(
            call_view(call, hotline, now, saying=saying.get(str(call.key), "")) for call in waiting_first
        ),
        ended=tuple(call_view(call, hotline, now, draft=drafts.get(str(call.key))) for call in newest_first),
    )
