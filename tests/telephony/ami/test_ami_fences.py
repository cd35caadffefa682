"""Each trap of panoramisk 1.4: our link holds, and the same fault breaks the bare library.

When a bare half of a test fails, the library has changed and a fence may come down.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import time
from typing import Any

import pytest
from panoramisk.call_manager import CallManager
from panoramisk.message import Message

from telephony.ami.actions import Action, AmiLoginRefused, AmiUnreachable
from telephony.ami.link import AmiLink, LinkState, LinkTimes
from telephony.ami.testing import FakeAmi, every, split_at
from telephony.gateway import FieldRefused

WHO = "格尔木市民"


async def next_named(link: AmiLink, name: str) -> dict[str, str]:
    """The next message of that event name in the stream."""
    async with asyncio.timeout(30):
        async for message in link.messages():
            if message.headers.get("Event") == name:
                return dict(message.headers)
    raise AssertionError("the stream ended")


class TestSplitUtf8:
    async def test_ours_at_every_offset(self, pbx: FakeAmi, make_link: Any) -> None:
        link = await make_link()
        await link.wait_up(8)
        for offset in range(60, 110):
            pbx.faults.cut = split_at(offset)
            await pbx.event("Newchannel", CallerIDName=WHO, Uniqueid=str(offset))
            got = await next_named(link, "Newchannel")
            assert (got["CallerIDName"], got["Uniqueid"]) == (WHO, str(offset))

    async def test_ours_byte_by_byte(self, pbx: FakeAmi, make_link: Any) -> None:
        pbx.faults.cut = every(1)
        link = await make_link()
        await link.wait_up(8)
        await pbx.event("Newchannel", CallerIDName=WHO)
        assert (await next_named(link, "Newchannel"))["CallerIDName"] == WHO

    async def test_bare_loses_characters(self, pbx: FakeAmi, bare: Any, eventually: Any) -> None:
        manager, seen = await bare(), []
        manager.register_event("Newchannel", lambda _, event: seen.append(event.CallerIDName))
        pbx.faults.cut = every(1)
        await pbx.event("Newchannel", CallerIDName=WHO)
        await eventually(lambda: seen)
        assert seen != [WHO]


class TestRaisingHandler:
    async def test_ours_takes_poison_and_goes_on(self, pbx: FakeAmi, make_link: Any) -> None:
        """Messages that panoramisk itself stumbles on, garbage, and an endless one."""
        pbx.answers["poison"] = lambda action: [
            {"Response": "Success", "Message": "Originate successfully queued"}
        ]
        link = await make_link()
        await link.wait_up(8)
        with pytest.raises(Exception, match="did not answer"):
            await link.action(Action("Poison"), timeout_s=0.1)
        await pbx.raw(b"\xff\x00garbage\r\n\r\n: \r\n\r\n\r\n\r\n")
        await pbx.raw(b"Event: Huge\r\nX: " + b"x" * (2 << 20) + b"\r\n\r\n")
        await pbx.event("Newchannel", Uniqueid="after")
        assert (await next_named(link, "Newchannel"))["Uniqueid"] == "after"
        assert pbx.connections == 1
        assert (link.counts.rejected, link.counts.malformed, link.counts.oversized) == (1, 2, 1)

    async def test_bare_loses_the_connection(self, pbx: FakeAmi, bare: Any, eventually: Any) -> None:
        manager = await bare()
        seen: list[str] = []

        def handler(_: object, event: Any) -> None:
            seen.append(event.Uniqueid)
            raise RuntimeError("a handler's bug")

        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        manager.register_event("Newchannel", handler)
        await pbx.raw(b"Event: Newchannel\r\nUniqueid: 1\r\n\r\nEvent: Newchannel\r\nUniqueid: 2\r\n\r\n")
        await eventually(lambda: not manager._connected)
        assert seen == ["1"], "the rest of the chunk is lost"


class TestOrder:
    async def test_ours_keeps_it(self, pbx: FakeAmi, make_link: Any) -> None:
        link = await make_link()
        await link.wait_up(8)
        await pbx.event("Newchannel", Uniqueid="1")
        await pbx.event("Newchannel", Uniqueid="2")
        assert [(await next_named(link, "Newchannel"))["Uniqueid"] for _ in range(2)] == ["1", "2"]

    async def test_bare_coroutines_run_as_they_like(self, pbx: FakeAmi, bare: Any, eventually: Any) -> None:
        manager, seen = await bare(), []

        async def handler(_: object, event: Any) -> None:
            await asyncio.sleep(0.05 if event.Uniqueid == "1" else 0)
            seen.append(event.Uniqueid)

        manager.register_event("Newchannel", handler)
        await pbx.event("Newchannel", Uniqueid="1")
        await pbx.event("Newchannel", Uniqueid="2")
        await eventually(lambda: len(seen) == 2)
        assert seen == ["2", "1"]


class TestPatterns:
    async def test_ours_has_one(self, make_link: Any) -> None:
        link = await make_link()
        await link.wait_up(8)
        assert len(link._connection._manager.patterns) == 1

    async def test_bare_pays_for_each(self, bare: Any) -> None:
        manager = await bare()
        message = Message({"Event": "Newchannel"})

        def cost() -> float:
            began = time.process_time()
            for _ in range(300):
                manager.dispatch(message)
            return time.process_time() - began

        few = cost()
        for number in range(300):
            manager.register_event(f"Nothing{number}*", lambda *_: None)
        assert cost() > 10 * few


class TestHalfOpen:
    async def test_ours_notices_and_comes_back(self, pbx: FakeAmi, make_link: Any, eventually: Any) -> None:
        link = await make_link()
        await link.wait_up(8)
        pbx.faults.mute = True
        await eventually(lambda: link.status.state is LinkState.LOST)
        default = LinkTimes()
        assert default.silence_s + 2 * default.ping_s < 15
        assert link.status.error.error_id in ("ami-no-answer", "ami-unreachable")
        pbx.faults.mute = False
        await link.wait_up(8)

    async def test_bare_never_notices(self, pbx: FakeAmi, bare: Any) -> None:
        manager = await bare()
        manager.pinger.cancel()
        manager.ping_interval = 0.05
        pbx.faults.mute = True
        manager.ping()
        await asyncio.sleep(0.8)
        assert manager._connected, "sixteen pings unanswered"
        assert len(manager.protocol.responses) > 8, "and their entries pile up"


class TestWrongPassword:
    async def test_ours_says_so_and_does_not_storm(self, pbx: FakeAmi, make_link: Any) -> None:
        pbx.faults.refuse_login = True
        states: list[Any] = []
        began_s = time.monotonic()
        link = await make_link(on_state=states.append)
        with pytest.raises(AmiLoginRefused, match=r"'hotline-reader'.*manager\.conf.*secrets\.json"):
            await link.wait_up(1.0)
        most = 3 + (time.monotonic() - began_s) / 0.1
        assert pbx.connections <= most, "0.1, 0.2, 0.2 … s apart, each at least half"
        assert [status.state for status in states] == [LinkState.REFUSED], "one line, not one a try"
        pbx.faults.refuse_login = False
        await link.wait_up(8)

    async def test_bare_retries_for_ever_without_a_word(
        self, pbx: FakeAmi, bare: Any, eventually: Any
    ) -> None:
        pbx.faults.refuse_login = True
        manager = await bare(wait=False, reconnect_timeout=0)
        await eventually(lambda: pbx.connections > 20)
        assert not manager.authenticated


class TestOriginateWithoutAsync:
    QUEUED = staticmethod(
        lambda action: [
            {"Response": "Success", "Message": "Originate successfully queued"},
            {"Event": "OriginateResponse", "Response": "Success", "Uniqueid": "city-1.1"},
        ]
    )

    async def test_ours_is_always_async_and_always_returns(self, pbx: FakeAmi, make_link: Any) -> None:
        pbx.answers["originate"] = self.QUEUED
        link = await make_link()
        await link.wait_up(8)
        result = await link.action(Action("Originate", {"Channel": "PJSIP/1", "async": "false"}))
        assert result.items[-1]["Uniqueid"] == "city-1.1"
        assert [sent["Async"] for sent in pbx.named("originate")] == ["true"]
        assert link._connection._protocol.responses == {}

    async def test_bare_loses_the_connection(self, pbx: FakeAmi, bare: Any, eventually: Any) -> None:
        pbx.answers["originate"] = self.QUEUED
        manager = await bare()
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        answer = manager.send_action({"Action": "Originate", "Channel": "PJSIP/1"})
        await eventually(lambda: not manager._connected)
        assert not answer.done()


class TestDropBeforeAnswer:
    async def test_ours_never_dials_twice(self, pbx: FakeAmi, make_link: Any) -> None:
        link = await make_link()
        await link.wait_up(8)
        pbx.faults.drop_on = {"originate"}
        with pytest.raises(AmiUnreachable):
            await link.action(Action("Originate", {"Channel": "PJSIP/citizen"}))
        pbx.faults.drop_on = set()
        await asyncio.sleep(0.1)
        await link.wait_up(8)
        await asyncio.sleep(0.1)
        assert len(pbx.named("originate")) == 1

    async def test_bare_dials_a_citizen_twice(self, pbx: FakeAmi, bare: Any, eventually: Any) -> None:
        manager = await bare(reconnect_timeout=0)
        pbx.faults.drop_on = {"originate"}
        manager.send_action({"Action": "Originate", "Channel": "PJSIP/citizen", "Async": "true"})
        await eventually(lambda: pbx.named("originate"))
        pbx.faults.drop_on = set()
        await eventually(lambda: len(pbx.named("originate")) >= 2)


class TestCloseWhileReconnecting:
    async def test_ours_stays_closed(self, pbx: FakeAmi, make_link: Any, eventually: Any) -> None:
        link = await make_link()
        await link.wait_up(8)
        pbx.drop()
        await eventually(lambda: link.status.state is LinkState.LOST)
        await link.close()
        before = pbx.connections
        await asyncio.sleep(0.3)
        assert pbx.connections == before
        assert link.status.state is LinkState.CLOSED

    async def test_bare_comes_back_from_the_dead(self, pbx: FakeAmi, bare: Any, eventually: Any) -> None:
        manager = await bare(reconnect_timeout=0)
        manager.reconnect_timeout = 0.05
        pbx.drop()
        await eventually(lambda: not manager._connected)
        manager.close()
        await eventually(lambda: pbx.connections == 2)


class TestInjection:
    EVIL = "PJSIP/1\r\n\r\nAction: Hangup\r\nChannel: everybody"

    async def test_ours_refuses(self, pbx: FakeAmi, make_link: Any) -> None:
        link = await make_link()
        await link.wait_up(8)
        with pytest.raises(FieldRefused):
            await link.action(Action("GetVar", {"Channel": self.EVIL}))
        assert not pbx.named("hangup")

    async def test_bare_sends_a_second_action(self, pbx: FakeAmi, bare: Any, eventually: Any) -> None:
        manager = await bare()
        manager.send_action({"Action": "GetVar", "Channel": self.EVIL})
        await eventually(lambda: pbx.named("hangup"))


class TestCallsOfOneSecond:
    async def test_bare_call_manager_throws_two_calls_together(self, pbx: FakeAmi) -> None:
        """Ours keys by the whole Uniqueid: there is nothing to fence but not using it."""
        manager = CallManager(loop=asyncio.get_running_loop())
        for uniqueid in ("1795224811.56", "1795224811.57"):
            manager.handle_calls(manager, Message({"Event": "Newchannel", "Uniqueid": uniqueid}))
        assert len(manager.calls_queues) == 1


def test_bare_fastagi_spins_for_ever_on_half_a_header() -> None:
    """In a process of its own: the whole event loop hangs. Ours: tests of telephony/agi."""
    program = textwrap.dedent(
        """
        import asyncio
        from panoramisk.fast_agi import Application

        async def main():
            app = Application(loop=asyncio.get_running_loop())
            server = await asyncio.start_server(app.handler, "127.0.0.1", 0)
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"agi_network: yes\\n")
            writer.close()
            await asyncio.sleep(0.1)
            print("alive", flush=True)

        asyncio.run(main())
        """
    )
    with pytest.raises(subprocess.TimeoutExpired) as hung:
        subprocess.run([sys.executable, "-c", program], timeout=3, capture_output=True, check=False)
    assert b"alive" not in (hung.value.stdout or b"")
