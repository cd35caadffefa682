"""What a flow does to a caller, as Asterisk sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from panoramisk.fast_agi import Request

from facts.caller_session import CallerGone, CallerSession, Keys
from facts.identity import CallKey
from telephony.agi.protocol import AgiCommandInvalid, AgiProtocolError, command_line, parse_answer, user_event
from telephony.agi.session import AgiSession
from telephony.gateway import FieldRefused

Run = Callable[[Callable[[AgiSession], Awaitable[Any]]], Awaitable[Any]]


@pytest.fixture
def run(serve: Any, dial: Any) -> Any:
    """Runs one handler; gives Asterisk's side, and a future with the handler's result or error."""

    async def start(handler: Any) -> tuple[Any, asyncio.Future[Any]]:
        outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        async def keep(session: AgiSession) -> None:
            try:
                outcome.set_result(await handler(session))
            except BaseException as error:
                outcome.set_exception(error)
                raise

        server = await serve(keep)
        return await dial(server), outcome

    return start


def collect(prompts: list[str], **options: Any) -> Any:
    wanted = {
        "max_digits": 4,
        "terminator": "#",
        "first_timeout_ms": 5000,
        "between_timeout_ms": 2000,
    } | options
    return lambda session: session.collect(prompts, **wanted)


async def test_who_calls(run: Any) -> None:
    async def who(session: CallerSession) -> tuple[Any, ...]:
        assert isinstance(session, AgiSession)
        return session.call, session.caller_number, session.did, session.path, session.arguments

    _, outcome = await run(who)
    assert await outcome == (
        CallKey("city", "city-1763683200.7"),
        "13997361508",
        "12345",
        "flow/main",
        ("main", "two words"),
    )


async def test_say_plays_in_order_and_a_key_interrupts(run: Any) -> None:
    asterisk, outcome = await run(
        lambda session: session.say(["hotline/a", "hotline/b", "hotline/c"], interrupt_keys="12")
    )
    await asterisk.play(
        ('STREAM FILE "hotline/a" "12"', "200 result=0 endpos=8000"),
        ('STREAM FILE "hotline/b" "12"', "200 result=50 endpos=100"),
    )
    assert await outcome == "2"


async def test_a_prompt_that_is_missing_does_not_cost_the_caller(run: Any) -> None:
    asterisk, outcome = await run(lambda session: session.say(["hotline/missing", "hotline/b"]))
    await asterisk.play(
        ("STREAM FILE", "200 result=-1 endpos=0"),
        ("CHANNEL STATUS", "200 result=6"),
        ('STREAM FILE "hotline/b"', "200 result=0 endpos=1"),
    )
    assert await outcome is None


async def test_a_hang_up_while_playing(run: Any) -> None:
    asterisk, outcome = await run(lambda session: session.say(["hotline/a"]))
    await asterisk.play(("STREAM FILE", "200 result=-1 endpos=77"), ("CHANNEL STATUS", "200 result=0"))
    with pytest.raises(CallerGone):
        await outcome


async def test_collect_barge_in_then_the_terminator(run: Any) -> None:
    asterisk, outcome = await run(collect(["hotline/a", "hotline/b"]))
    await asterisk.play(
        ('STREAM FILE "hotline/a" "0123456789*#"', f"200 result={ord('1')} endpos=9"),
        ('WAIT FOR DIGIT "2000"', f"200 result={ord('2')}"),
        ('WAIT FOR DIGIT "2000"', f"200 result={ord('#')}"),
    )
    assert await outcome == Keys("12", terminated=True)


async def test_a_prompt_that_was_stopped_too_late_is_no_key(run: Any) -> None:
    """Asterisk tells whoever waits next that a stream was to be stopped: 1000 (AST_CONTROL_STREAM_STOP)."""

    async def listens(session: AgiSession) -> tuple[Any, ...]:
        key = await session.key_within(200)
        said = await session.say(["hotline/a"], interrupt_keys="12")
        read = await session.collect(
            [], max_digits=2, terminator="#", first_timeout_ms=5000, between_timeout_ms=2000
        )
        return key, said, read

    asterisk, outcome = await run(listens)
    await asterisk.play(
        ('WAIT FOR DIGIT "200"', "200 result=1000"),
        ('WAIT FOR DIGIT "200"', "200 result=0"),
        ('STREAM FILE "hotline/a" "12"', "200 result=1000 endpos=0"),
        ('STREAM FILE "hotline/a" "12"', "200 result=0 endpos=8000"),
        ('WAIT FOR DIGIT "5000"', "200 result=1000"),
        ('WAIT FOR DIGIT "5000"', f"200 result={ord('4')}"),
        ('WAIT FOR DIGIT "2000"', "200 result=0"),
    )
    assert await outcome == (None, None, Keys("4", timed_out=True))


TAKE = 'GET FULL VARIABLE "${HOTLINE_KEYS}${SET(HOTLINE_KEYS=)}"'


@pytest.fixture
def kept(serve: Any, dial: Any, handshake: Any) -> Any:
    """As ``run``, on a PBX that keeps keys."""

    async def start(handler: Any) -> tuple[Any, asyncio.Future[Any]]:
        outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        async def keep(session: AgiSession) -> None:
            outcome.set_result(await handler(session))

        greeting = handshake(agi_arg_3="main", agi_arg_4="", agi_arg_5="kept")
        return await dial(await serve(keep), greeting), outcome

    return start


async def test_keys_between_two_commands_are_taken_from_the_pbx(kept: Any) -> None:
    pbx, outcome = await kept(collect(["hotline/a", "hotline/b"], max_digits=4))
    await pbx.play(
        (TAKE, "200 result=1 ()"),
        ('STREAM FILE "hotline/a" "0123456789*#"', "200 result=0 endpos=8000"),
        (TAKE, "200 result=1 (12)"),  # pressed between the prompts: the second is not played
        ('WAIT FOR DIGIT "2000"', f"200 result={ord('4')}"),
        (TAKE, "200 result=1 (34)"),  # and before the wait
    )
    assert await outcome == Keys("1234")


async def test_a_key_that_is_told_twice_counts_once(kept: Any) -> None:
    """Asterisk emulates a key of which it saw the end alone, and tells it to whoever waits next."""
    pbx, outcome = await kept(collect([], max_digits=2, terminator="#"))
    await pbx.play(
        ('WAIT FOR DIGIT "5000"', f"200 result={ord('1')}"),
        (TAKE, "200 result=1 (1)"),
        ('WAIT FOR DIGIT "2000"', f"200 result={ord('1')}"),
        (TAKE, "200 result=1 ()"),
        ('WAIT FOR DIGIT "2000"', "200 result=0"),
        (TAKE, "200 result=1 ()"),
    )
    assert await outcome == Keys("1", timed_out=True)


async def test_what_must_be_heard_takes_no_key_and_keeps_none(kept: Any) -> None:
    async def notice(session: AgiSession) -> tuple[Any, ...]:
        heard = await session.say(["hotline/notice"])
        return heard, await session.say(["hotline/b"], interrupt_keys="12")

    pbx, outcome = await kept(notice)
    await pbx.play(
        ('STREAM FILE "hotline/notice" ""', "200 result=0 endpos=1"),
        (TAKE, "200 result=1 (12)"),
        (TAKE, "200 result=1 ()"),
        ('STREAM FILE "hotline/b" "12"', "200 result=0 endpos=1"),
        (TAKE, "200 result=1 (#92)"),
    )
    assert await outcome == (None, "2")


async def test_collect_nothing_in_time(run: Any) -> None:
    asterisk, outcome = await run(collect([]))
    await asterisk.play(('WAIT FOR DIGIT "5000"', "200 result=0"))
    assert await outcome == Keys("", timed_out=True)


async def test_collect_stops_at_the_most_and_takes_any_key_without_terminator(run: Any) -> None:
    asterisk, outcome = await run(collect([], max_digits=2, terminator=""))
    await asterisk.play(("WAIT FOR DIGIT", "200 result=35"), ("WAIT FOR DIGIT", "200 result=42"))
    assert await outcome == Keys("#*")


async def test_a_mark_and_a_variable_cannot_break_out(run: Any) -> None:
    async def mark(session: AgiSession) -> None:
        await session.mark('menu, "1" (', {"Key": "1,2", "Ms": "12"})
        await session.set_variable("HOTLINE_QUEUE", 'a "b" \\ c')
        with pytest.raises(FieldRefused):
            await session.mark("menu\nHANGUP", {})
        with pytest.raises(FieldRefused):
            await session.set_variable("A B", "1")
        with pytest.raises(FieldRefused):
            await session.set_variable("A", "x" * 3000)
        await session.hang_up()
        with pytest.raises(CallerGone):
            await session.say(["hotline/a"])

    asterisk, outcome = await run(mark)
    await asterisk.play(
        (
            'SET VARIABLE "HOTLINE_SAID" "'
            'HotlineStep,Node: menu\\\\, \\\\\\"1\\\\\\" \\\\(,Key: 1\\\\,2,Ms: 12"',
            "200 result=1",
        ),
        ('GOSUB "hotline-say" "s" "1"', "200 result=0 Gosub complete"),
        ('SET VARIABLE "HOTLINE_QUEUE" "a \\"b\\" \\\\ c"', "200 result=1"),
        ("HANGUP", "200 result=1"),
    )
    await outcome


@pytest.mark.parametrize(
    "last", ["HANGUP", "511 Command Not Permitted on a dead channel or intercept routine", None]
)
async def test_every_kind_of_hang_up_is_one_caller_gone(run: Any, last: str | None) -> None:
    async def talk(session: AgiSession) -> None:
        for _ in range(2):
            with pytest.raises(CallerGone):
                await session.say(["hotline/a"])
        assert session.gone

    asterisk, outcome = await run(talk)
    await asterisk.expect("STREAM FILE")
    if last is None:
        asterisk.writer.close()
    else:
        asterisk.answer(last)
    await outcome
    if last is not None:
        assert await asterisk.ended(), "nothing is asked of a dead channel"


async def test_a_usage_error_of_many_lines_does_not_desynchronise(run: Any) -> None:
    async def talk(session: AgiSession) -> str | None:
        with pytest.raises(AgiCommandInvalid, match=r"Proper usage.*Usage: a"):
            await session.command("NONSENSE")
        with pytest.raises(AgiCommandInvalid):
            await session.command("NONSENSE")
        return await session.say(["hotline/a"], interrupt_keys="1")

    asterisk, outcome = await run(talk)
    usage = "520-Invalid command syntax.  Proper usage follows:\nUsage: a\nline two\n520 End of proper usage."
    await asterisk.play(
        ("NONSENSE", usage),
        ("NONSENSE", "510 Invalid or unknown command"),
        ("STREAM FILE", "100 Trying\n200 result=49 endpos=1"),
    )
    assert await outcome == "1"


class TestBareRequest:
    """panoramisk's Request, for which ours stands in."""

    @staticmethod
    def fed(data: bytes) -> Request:
        class Writer:
            def write(self, data: bytes) -> None: ...
            async def drain(self) -> None: ...

        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        return Request(None, {}, reader, Writer())

    async def test_a_usage_error_of_many_lines_desynchronises_it(self) -> None:
        request = self.fed(
            b"520-Invalid\nUsage: a\nline two\n520 End of proper usage.\n200 result=49 endpos=1\n"
        )
        assert (await request.send_command("NONSENSE"))["error"] == "AGIUsageError"
        with pytest.raises(ValueError, match="invalid literal"):
            await request.send_command("STREAM FILE a 1")

    async def test_a_hang_up_is_a_value_error(self) -> None:
        with pytest.raises(ValueError, match="invalid literal"):
            await self.fed(b"").send_command("NOOP")


async def test_a_cancelled_command_does_not_leave_its_answer_to_the_next(run: Any) -> None:
    async def talk(session: AgiSession) -> str | None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await session.say(["hotline/a"])
        return await session.say(["hotline/b"], interrupt_keys="1")

    asterisk, outcome = await run(talk)
    await asterisk.expect('STREAM FILE "hotline/a"')
    await asyncio.sleep(0.1)
    asterisk.answer("200 result=0 endpos=1")
    await asterisk.play(('STREAM FILE "hotline/b"', "200 result=49 endpos=1"))
    assert await outcome == "1"


async def test_an_answer_that_is_none_ends_the_session(run: Any) -> None:
    asterisk, outcome = await run(lambda session: session.say(["hotline/a"]))
    await asterisk.expect("STREAM FILE")
    asterisk.answer("what?")
    with pytest.raises(AgiProtocolError):
        await outcome


@settings(deadline=None)
@given(st.text(max_size=30))
def test_answers_are_read_or_refused(text: str) -> None:
    try:
        parse_answer(text)
    except AgiProtocolError:
        assert not text.startswith("200 result=1")


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=60))
def test_asterisk_reads_back_what_was_quoted(value: str) -> None:
    """Asterisk's own rules: a backslash takes the next character, a quote toggles."""
    line = command_line("SET VARIABLE", "A", value).decode()
    assert line.endswith("\n")
    inside = line.removeprefix('SET VARIABLE "A" "')[:-2]
    read, at = "", 0
    while at < len(inside):
        at += inside[at] == "\\"
        read += inside[at]
        at += 1
    assert read == value
    assert user_event("E", {"N": value}).count(",") >= 1
