"""What the picture calls queues, emergency numbers, opening hours and other flows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from config.hotline import Hotline
from config.hotline import Queue as WaitingQueue
from ivr_flows.schema import Flow


@dataclass(frozen=True, slots=True)
class WaitingKey:
    """A key that counts while somebody waits: what the picture says of it, and the flow that it leads to."""

    label: str
    flow: str = ""


@dataclass(frozen=True, slots=True)
class Names:
    """Ids as people read them."""

    of: Mapping[str, str] = field(default_factory=dict)
    #: what each key does while somebody waits in a queue, by the queue as a flow names it
    keys: Mapping[str, Sequence[WaitingKey]] = field(default_factory=dict)


def names_of(hotline: Hotline, flows: Iterable[Flow], flow: Flow | None = None) -> Names:
    """Names of everything; ``flow`` is drawn: its lines say which queue theirs is."""
    titles = {it.flow: it.title or it.flow for it in flows}
    of = {
        **dict.fromkeys(hotline.hours, "上班时间？"),
        **titles,
        **{it.id: it.name for it in hotline.queues},
        **{it.id: f"{it.name} {it.number}" for it in hotline.emergency},
    }
    keys = {it.id: _keys(it, of, titles) for it in hotline.queues}
    own = next((it.queue for it in hotline.lines if flow is not None and it.flow == flow.flow), None)
    return Names(of, keys | ({"{line.queue}": keys[own]} if own else {}))


def _keys(queue: WaitingQueue, of: Mapping[str, str], titles: Mapping[str, str]) -> list[WaitingKey]:
    return [
        WaitingKey(
            f"按 {key} {titles.get(choice.flow or '') or of.get(choice.queue or '', '')}".rstrip(),
            choice.flow or "",
        )
        for key, choice in queue.keys.items()
    ]
