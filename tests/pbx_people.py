"""People around a PBX under test: telephones, and the flows' server that leads callers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from telephony.agi.presses import WANTED, KeyWitness
from telephony.agi.server import AgiServer
from telephony.agi.session import AgiSession
from telephony.ami.link import AmiAddress, AmiLink
from tests.pbx import RunningPbx
from tests.sip_phone import SipPhone

Lead = Callable[[AgiSession], Awaitable[None]]


@dataclass
class Flows:
    """Our FastAGI server in a thread of its own: a flow id to what leads its callers.

    With a PBX's AMI address it hears of the keys as the flows role does.
    """

    port: int
    leads: dict[str, Lead] = field(default_factory=dict)
    #: (flow, line, stage, queue) of each caller that came
    came: list[tuple[str, str, str, str]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    ami: AmiAddress | None = None
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _over: asyncio.Event = field(default_factory=asyncio.Event)
    _ready: threading.Event = field(default_factory=threading.Event)

    async def _lead(self, session: AgiSession) -> None:
        flow = session.path.rpartition("/")[2]
        self.came.append((flow, session.line, session.stage, session.queue))
        if flow in self.leads:
            await self.leads[flow](session)

    async def _serve(self) -> None:
        witness = KeyWitness()
        async with AsyncExitStack() as stack:
            if self.ami is not None:
                link = AmiLink(self.ami, follow=False, wanted=WANTED, on_event=witness.take)
                await (await stack.enter_async_context(link)).wait_up(10)
            server = AgiServer(
                "127.0.0.1", self.port, self._lead, pbx_id="city", witness=witness, reuse_port=True
            )
            await stack.enter_async_context(server)
            self._ready.set()
            await self._over.wait()

    def __enter__(self) -> Flows:
        self._thread = threading.Thread(
            target=lambda: self._loop.run_until_complete(self._serve()), daemon=True
        )
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)
        self._loop.close()


@dataclass(frozen=True)
class Telephones:
    """Telephones around that PBX."""

    pbx: RunningPbx

    def citizen(self, number: str) -> SipPhone:
        return SipPhone(number, self.pbx.settings.sip_port)

    def agent(self, name: str, *, answers: bool = True) -> SipPhone:
        return SipPhone(name, self.pbx.settings.sip_port, self.pbx.secrets.sip_password(name), answers)

    def carrier(self, *, answers: bool = True, refuses: str = "") -> SipPhone:
        """Whatever number the PBX dials, this telephone is it."""
        outside = self.pbx.settings.outside_sip_port
        return SipPhone("carrier", self.pbx.settings.sip_port, "", answers, outside, refuses)
