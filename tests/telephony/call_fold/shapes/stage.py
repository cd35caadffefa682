"""What a shape of a call is played with, and the list of shapes."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass

from facts.caller_session import Keys
from telephony.agi.session import AgiSession
from telephony.ami.actions import Action, ActionResult
from tests.pbx import AmiWitness, RunningPbx
from tests.pbx_people import Flows, Telephones
from tests.sip_phone import SipPhone, wait_until

#: the citizen of most shapes
CALLER = "13997361508"


@dataclass(frozen=True, slots=True)
class Talk:
    """An agent and a caller who are together."""

    caller: SipPhone
    desk: SipPhone
    #: whoever else is there, in the order in which they were named
    others: list[SipPhone]
    #: the PBX's time when they came together
    since: str
    #: Uniqueid and channel of the caller; channel and Uniqueid of the agent
    call: str
    channel: str
    mine: str
    leg: str


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
            assert wait_until(phone.gone.is_set)
        call = self.ami.wait_event("HotlineArrived", CallerIDNum=number)["Uniqueid"]
        self.ami.wait_event("HotlineEnded", Uniqueid=call)

    @contextmanager
    def talk(
        self,
        *others: AbstractContextManager[SipPhone],
        by: str = "agent101",
        did: str = "12345",
        after_s: float = 0.5,
    ) -> Iterator[Talk]:
        """An agent has had the caller for so long; others came in between."""
        with ExitStack() as there:
            desk = there.enter_context(self.agent(by))
            rest = [there.enter_context(it) for it in others]
            caller = there.enter_context(self.calling(CALLER, did))
            it = self.answered(CALLER)
            time.sleep(after_s)
            names = ("Timestamp", "Uniqueid", "Channel", "DestChannel", "DestUniqueid")
            yield Talk(caller, desk, rest, *(it[name] for name in names))

    @contextmanager
    def pressing(self, keys: str) -> Iterator[SipPhone]:
        """A caller who has a place in the queue and presses these keys."""
        with self.calling(CALLER) as caller:
            self.joined(CALLER)
            time.sleep(0.7)
            caller.press(keys)
            yield caller

    def moved(self, move: str, **wanted: str) -> None:
        """Wait until the dialplan says so of a move of the desk."""
        self.ami.wait_event("HotlineMove", Move=move, **wanted)

    def answered(self, number: str) -> dict[str, str]:
        """Wait until caller and agent are together."""
        connected = self.ami.wait_event("AgentConnect", CallerIDNum=number)
        self.ami.wait_event("BridgeEnter", Uniqueid=connected["DestUniqueid"])
        return connected

    def joined(self, number: str, queue: str = "main") -> dict[str, str]:
        """Wait until the caller has a place."""
        return self.ami.wait_event("QueueCallerJoin", CallerIDNum=number, Queue=queue)

    def channel(self, number: str) -> str:
        """The caller's channel."""
        return self.ami.wait_event("HotlineArrived", CallerIDNum=number)["Channel"]

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
        assert wait_until(lambda: self.pbx.pbx.process.pid() is None)
        asyncio.run(self.pbx.pbx.start())
        self.ami.__exit__()
        self.ami.__enter__()
        self._mark("HotlineLinkLost", lost_at, Reason="ami-unreachable")
        self._mark("HotlineLinkUp", time.time())
        self._mark("HotlineSnapshotBegin", time.time(), Number="2")
        self.ami.action(Action="CoreShowChannels")
        self.ami.wait_event("CoreShowChannelsComplete")
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


async def one_key(session: AgiSession, within_ms: int = 9000) -> Keys:
    """Wait for a key, in silence."""
    return await session.collect(
        [], max_digits=1, terminator="", first_timeout_ms=within_ms, between_timeout_ms=100
    )


def hangs_up(phone: SipPhone, after_s: float) -> None:
    """Someone hangs up after so long."""
    time.sleep(after_s)
    phone.hang_up()
