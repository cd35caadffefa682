"""What the picture calls queues, emergency numbers, opening hours and other flows."""

from __future__ import annotations

from collections.abc import Iterable

from config.hotline import Hotline
from ivr_flows.schema import Flow


def names_of(hotline: Hotline, flows: Iterable[Flow]) -> dict[str, str]:
    """Ids as people read them."""
    return {
        **dict.fromkeys(hotline.hours, "上班时间？"),
        **{flow.flow: flow.title or flow.flow for flow in flows},
        **{queue.id: queue.name for queue in hotline.queues},
        **{it.id: f"{it.name} {it.number}" for it in hotline.emergency},
    }
