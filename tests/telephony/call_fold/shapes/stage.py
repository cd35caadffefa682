"""What a shape of a call is played with, and the list of shapes."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from telephony.agi.session import AgiSession
from telephony.ami.actions import Action, ActionResult
from tests.pbx import AmiWitness, RunningPbx
from tests.pbx_people import Flows, Telephones
from tests.sip_phone import SipPhone, wait_until


@dataclass(frozen=True, slots=True)
class Stage:
    """What a shape is played with."""

    pbx: RunningPbx
    ami: AmiWitness
    telephones: Telephones
    flows: Flows

    @contextmanager
    def agent(self, name: str, *, answers: bool = True, refuses: str = "") -> Iterator[SipPhone]:
        """A registered agent's telephone."""
        phone = self.telephones.agent(name, answers=answers)
        phone.refuses = refuses
        with phone:
            assert phone.register() == 200
            yield phone

    @contextmanager
    def calling(self, number: str, did: str = "12345") -> Iterator[SipPhone]:
        """A citizen whose call is up; it must be over in the end."""
        with self.telephones.citizen(number) as phone:
            assert phone.call(did) == 200
            yield phone
            assert wait_until(phone.gone.is_set, 20)
        call = self.ami.wait_event("HotlineArrived", 5, CallerIDNum=number)["Uniqueid"]
        self.ami.wait_event("HotlineEnded", 10, Uniqueid=call)

    def answered(self, number: str) -> dict[str, str]:
        """Wait until caller and agent are together."""
        connected = self.ami.wait_event("AgentConnect", 15, CallerIDNum=number)
        self.ami.wait_event("BridgeEnter", 5, Uniqueid=connected["DestUniqueid"])
        return connected

    def joined(self, number: str, queue: str = "main") -> dict[str, str]:
        """Wait until the caller has a place."""
        return self.ami.wait_event("QueueCallerJoin", 15, CallerIDNum=number, Queue=queue)

    def channel(self, number: str) -> str:
        """The caller's channel."""
        return self.ami.wait_event("HotlineArrived", 5, CallerIDNum=number)["Channel"]

    def redirect(self, channel: str, context: str, exten: str) -> None:
        """Have a channel go on elsewhere, as the desk does it."""
        with self.pbx.originator() as originator:
            answer = originator.action(
                Action="Redirect", Channel=channel, Context=context, Exten=exten, Priority="1"
            )
            assert answer["Response"] == "Success", answer

    def desk(self, does: Callable[[Link], Awaitable[None]]) -> None:
        """Something that the desk has the PBX do."""
        with self.pbx.originator() as ami:
            asyncio.run(does(Link(ami)))

    def killed_and_started(self) -> None:
        """The PBX dies as by a power cut, and comes up again; our link marks it, and asks what there is."""
        pid = self.pbx.pbx.process.pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        lost_at = time.time()
        assert wait_until(lambda: self.pbx.pbx.process.pid() is None, 5)
        asyncio.run(self.pbx.pbx.start())
        self.ami.__exit__()
        self.ami.__enter__()
        self._mark("HotlineLinkLost", lost_at, Reason="ami-unreachable")
        self._mark("HotlineLinkUp", time.time())
        self._mark("HotlineSnapshotBegin", time.time(), Number="2")
        self.ami.action(Action="CoreShowChannels")
        self.ami.wait_event("CoreShowChannelsComplete", 5)
        self._mark("HotlineSnapshotEnd", time.time(), Number="2", Complete="yes", Channels="0")

    def _mark(self, event: str, at: float, **fields: str) -> None:
        self.ami.messages.append({"Event": event, "Timestamp": f"{at:.6f}", **fields})


@dataclass(frozen=True, slots=True)
class Link:
    """The originator's link, over the plain client of the tests."""

    ami: AmiWitness

    async def action(self, action: Action, timeout_s: float = 5.0) -> ActionResult:
        """Send an action; one that is refused fails the shape."""
        del timeout_s
        lists = {name: value for name, value in action.fields.items() if isinstance(value, list)}
        plain = {name: str(value) for name, value in action.fields.items() if name not in lists}
        plain |= {name: ",".join(values) for name, values in lists.items()}
        answer = self.ami.action(Action=action.name, **plain)
        assert answer["Response"] == "Success", answer
        return ActionResult(answer, ())


Shape = Callable[[Stage], None]
SHAPES: dict[str, Shape] = {}


def shape(play: Shape) -> Shape:
    """Register a shape by its function's name."""
    SHAPES[play.__name__] = play
    return play


async def step(session: AgiSession, node: str, key: str = "", ms: int = 40) -> None:
    """A node of a flow, as the interpreter reports it."""
    details = {"Flow": session.path.rpartition("/")[2], "Ms": str(ms), "Version": "3f2a"}
    await session.mark(node, details | ({"Key": key} if key else {}))
