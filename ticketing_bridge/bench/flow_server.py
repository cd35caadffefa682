"""``python -m ticketing_bridge.bench.flow_server PORT``: one process that leads callers through menus."""

from __future__ import annotations

import asyncio
import logging
import sys

import structlog

from config.hotline import load_hotline
from facts.caller_session import FollowUpTask, QueueOutlook, TicketProgress
from facts.identity import CallKey
from facts.prompts import prompt_name
from ivr_flows import line_context, run_flow
from ivr_flows.loader import parse_flow
from telephony.agi.server import AgiServer
from telephony.agi.session import AgiSession

#: menus one after the other, more than any caller walks in the benchmark
MENUS = 40
READY = "ready"


class SwiftHouse:
    """``HotlineServices`` that answer at once: the benchmark is of everything else."""

    async def ticket_progress(
        self, number: str, last_digits: str, caller_number: str | None
    ) -> TicketProgress | None:
        return None

    async def queue_outlook(self, queue: str) -> QueueOutlook | None:
        return None

    async def hour_notice(self, line: str) -> str | None:
        return ""

    async def calls_back(self, call: CallKey, caller_number: str | None) -> bool | None:
        return False

    async def request_callback(self, call: CallKey, number: str, line: str, queue: str) -> bool | None:
        return False

    async def follow_up(self, task: int) -> FollowUpTask | None:
        return None

    async def follow_up_answer(self, task: int, question: str, answer: str) -> bool | None:
        return False


class Rendered:
    """Prompts that are there already."""

    async def ensure(self, text: str) -> str:
        return prompt_name(text)


def menus() -> str:
    """A flow of menus, each of which goes on with key 1."""
    nodes = "".join(
        f"  m{n}: {{menu: 第{n}个菜单，请按一。, keys: {{1: {f'm{n + 1}' if n < MENUS else 'person'}}}, "
        "otherwise: person}\n"
        for n in range(1, MENUS + 1)
    )
    return f"flow: main\nstart: m1\nnodes:\n{nodes}  person: {{queue: main}}\n"


async def serve(port: int) -> None:
    """Until it is ended."""
    hotline = load_hotline()
    flow, context = parse_flow(menus(), "main.yaml"), line_context(hotline, hotline.lines[0])
    house, prompts = SwiftHouse(), Rendered()

    async def lead(session: AgiSession) -> None:
        await run_flow(flow, session, house, context, prompts=prompts)

    async with AgiServer("127.0.0.1", port, lead, pbx_id="bench", reuse_port=True):
        print(READY, flush=True)  # noqa: T201 - the benchmark waits for it
        await asyncio.Event().wait()


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    asyncio.run(serve(int(sys.argv[1])))
