"""One caller on the line, by FastAGI."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from urllib.parse import quote, urlencode

import structlog

from facts.caller_session import CallerGone, JourneyFact, Keys, Recorded, Utterance
from facts.identity import CallKey
from facts.prompts import BEEP
from telephony.agi.keys import ALL_KEYS, KEPT, Keypad
from telephony.agi.listening import Listener, ask
from telephony.agi.presses import KeyWitness
from telephony.agi.protocol import (
    AgiAnswer,
    AgiCommandInvalid,
    AgiProtocolError,
    command_line,
    parse_answer,
    user_event,
)
from telephony.gateway import FieldRefused

_log = structlog.get_logger(__name__)
#: a prompt with its keys takes no longer; beyond it the PBX is gone without a word
_PLAY_S = 600.0
_ANSWER_S = 10.0
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: facts of the journey, for the dialplan's report of the ending: ``fact:name=value&…;…``
RESULTS_VARIABLE = "HOTLINE_RESULTS"
#: what of them fits into Asterisk's fields beside the rest of the report (bytes)
_MOST_RESULTS = 1500
#: the step in which the caller is, as the dialplan tells it when the caller hangs up there
NODE_VARIABLE = "HOTLINE_NODE"
#: what is to be told now
SAID_VARIABLE = "HOTLINE_SAID"
#: base name of the message that is being left: the dialplan reports it when the caller hangs up in it
VOICEMAIL_VARIABLE = "HOTLINE_VOICEMAIL"
#: keys that no telephone has, for playing without winding
_NO_KEYS = ("A", "B", "C")
#: a prompt that something else than a key has ended begins again, but not for ever
_MOST_TELLINGS = 4
_ENDPOS = re.compile(r"endpos=(\d+)")
_SAMPLES_PER_MS = 8


class AgiSession:
    """The ``CallerSession`` of ``facts``. One command at a time; for one task.

    ``path`` is the URL's path (``flow/main``), ``arguments`` what the dialplan passed (arg1 …).

    Args:
        listener: who hears what the caller says; None: nobody can.
        interrupt: ends what is being played on a channel, by name (barge-in by voice).
        witness: tells keys that were pressed from those that the PBX counts twice.
    """

    def __init__(
        self,
        headers: Mapping[str, str],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        pbx_id: str,
        *,
        listener: Listener | None = None,
        interrupt: Callable[[str], Awaitable[None]] | None = None,
        witness: KeyWitness | None = None,
    ) -> None:
        self.headers = headers
        self._listener = listener
        self._interrupt = interrupt
        self._reader = reader
        self._writer = writer
        self._call = CallKey(pbx_id, headers["agi_uniqueid"])
        self._gone = False
        #: the connection died without a word about a hang-up: the caller may be there still
        self.lost = False
        #: commands sent whose answers were not read (their caller was cancelled)
        self._unanswered = 0
        self._log = _log.bind(call=str(self._call))
        self._keypad = Keypad(self, kept=self._argument(4) == KEPT, witness=witness)

    @property
    def call(self) -> CallKey:
        return self._call

    @property
    def path(self) -> str:
        """``flow/main`` of ``agi://host/flow/main?…``."""
        return self.headers["agi_network_script"].partition("?")[0].strip("/")

    @property
    def channel(self) -> str:
        """Name of the caller's channel."""
        return self.headers["agi_channel"]

    @property
    def arguments(self) -> tuple[str, ...]:
        """arg1, arg2, … of the dialplan's AGI()."""
        numbered = sorted(
            (int(name[8:]), value)
            for name, value in self.headers.items()
            if name.startswith("agi_arg_") and name[8:].isdigit()
        )
        return tuple(value for _, value in numbered)

    @property
    def caller_number(self) -> str | None:
        number = self.headers.get("agi_callerid", "")
        return number if number.removeprefix("+").isdigit() and number.isascii() else None

    @property
    def did(self) -> str:
        extension = self.headers.get("agi_extension", "")
        return extension if extension.isdigit() else self.headers.get("agi_dnid", "")

    def _argument(self, number: int) -> str:
        return self.arguments[number] if number < len(self.arguments) else ""

    @property
    def line(self) -> str:
        """Id of the line that was dialled."""
        return self._argument(0)

    @property
    def stage(self) -> str:
        """Why this flow runs: ``flow`` (on arrival), ``key`` (while waiting), ``otherwise``, ``survey``."""
        return self._argument(1) or "flow"

    @property
    def queue(self) -> str:
        """Id of the queue that the caller waits in, or waited in last."""
        return self._argument(2)

    @property
    def task(self) -> int | None:
        """Id of the follow-up that this call is made for."""
        given = self._argument(3)
        return int(given) if given.isdigit() and given.isascii() else None

    @property
    def gone(self) -> bool:
        """Whether the caller is known to have gone."""
        return self._gone

    # -- what a flow may do ---------------------------------------------------------------

    async def say(self, prompts: Sequence[str], *, interrupt_keys: str = "") -> str | None:
        if interrupt_keys and (key := await self._keypad.pressed(interrupt_keys)) is not None:
            return key
        for prompt in prompts:
            key = await self._play("STREAM FILE", prompt, interrupt_keys, keys=interrupt_keys)
            if key is not None:
                return key
        if not interrupt_keys:
            await self._keypad.forget()
        return None

    async def _play(
        self, verb: str, prompt: str, *arguments: str, keys: str, stopped: asyncio.Event | None = None
    ) -> str | None:
        """One prompt and the key that ended it; it begins again when something else did."""
        for _ in range(_MOST_TELLINGS):
            if stopped is not None and stopped.is_set():
                break
            answer = await self.command(verb, prompt, *arguments, timeout_s=_PLAY_S)
            if answer.number < 0:
                await self._prompt_failed(prompt)
            key = await self._keypad.after(answer, keys) if keys else None
            if key is not None or answer.number <= 0:
                return key
        return None

    async def collect(
        self,
        prompts: Sequence[str],
        *,
        max_digits: int,
        terminator: str,
        first_timeout_ms: int,
        between_timeout_ms: int,
    ) -> Keys:
        """Keys are read one command each: GET DATA would know one timeout and ``#`` only."""
        digits = await self.say(prompts, interrupt_keys=ALL_KEYS) or "" if prompts else ""
        while not digits.endswith(terminator or "\0") and len(digits) < max_digits:
            key = await self.key_within(between_timeout_ms if digits else first_timeout_ms)
            if key is None:
                return Keys(digits, timed_out=True)
            digits += key
        if terminator and digits.endswith(terminator):
            return Keys(digits.removesuffix(terminator), terminated=True)
        return Keys(digits)

    async def set_variable(self, name: str, value: str) -> None:
        if not _VARIABLE.fullmatch(name):
            raise FieldRefused(f"{name!r} is no channel variable's name", fix="letters, digits, underscores")
        await self.command("SET VARIABLE", name, value)

    async def enter(self, step: str, details: Mapping[str, str]) -> None:
        place = user_event("HotlineStep", {"Node": step, **details}) if step else ""
        await self.command("SET VARIABLE", NODE_VARIABLE, place)

    async def mark(self, step: str, details: Mapping[str, str]) -> None:
        await self._tell("HotlineStep", {"Node": step, **details})

    async def _tell(self, event: str, details: Mapping[str, str]) -> None:
        """The dialplan says it twice in one moment: for now, and for those who did not listen."""
        await self.command("SET VARIABLE", SAID_VARIABLE, user_event(event, details))
        await self.command("GOSUB", "hotline-say", "s", "1")

    async def listen(
        self, prompts: Sequence[str], *, phrases: Sequence[str], first_timeout_ms: int, most_ms: int
    ) -> Utterance:
        if self._listener is None:
            return Utterance(key=await self.say(prompts, interrupt_keys=ALL_KEYS), heard=False)
        return await ask(
            self,
            self._listener,
            prompts,
            phrases=phrases,
            first_timeout_ms=first_timeout_ms,
            most_ms=most_ms,
            interrupt=self._interrupt,
        )

    async def play(self, prompts: Sequence[str], stopped: asyncio.Event) -> str | None:
        """Play prompts that a key ends (returned) and that another may end (``stopped``)."""
        arguments = (ALL_KEYS, "3000", *_NO_KEYS)
        key = await self._keypad.pressed()
        for prompt in prompts:
            if key is not None or stopped.is_set():
                break
            key = await self._play("CONTROL STREAM FILE", prompt, *arguments, keys=ALL_KEYS, stopped=stopped)
        return key

    async def key_within(self, ms: int) -> str | None:
        """A key pressed within this time."""
        key = self._keypad.next()
        waited = False
        while key is None and not waited:
            piece_ms = self._keypad.piece(ms)
            answer = await self.command("WAIT FOR DIGIT", str(piece_ms), timeout_s=_PLAY_S)
            if answer.number < 0:
                await self._still_there()
            key = await self._keypad.after(answer)
            if answer.number == 0:
                ms -= piece_ms
            waited = answer.number < 0 or ms <= 0
        return key

    async def record(self, *, most_ms: int, silence_ms: int, finish_keys: str = "#") -> Recorded:
        """The file is ``<Uniqueid>-voicemail.wav`` among the PBX's recordings; recording anew replaces it."""
        name = f"{self._call.uniqueid}-voicemail"
        spool = (await self.command("GET FULL VARIABLE", "${ASTSPOOLDIR}")).note
        await self.say([BEEP])
        await self.set_variable(VOICEMAIL_VARIABLE, name)
        arguments = (f"{spool}/monitor/{name}", "wav", finish_keys, str(most_ms), "0")
        answer = await self.command(
            "RECORD FILE", *arguments, f"s={max(1, round(silence_ms / 1000))}", timeout_s=most_ms / 1000 + 10
        )
        if answer.number < 0:
            await self._still_there()
        await self._keypad.forget()
        found = _ENDPOS.search(answer.more)
        ms = int(found[1]) // _SAMPLES_PER_MS if found else 0
        return Recorded(name, ms, chr(answer.number) if answer.number > 0 else None)

    async def report(self, fact: JourneyFact, details: Mapping[str, str]) -> None:
        """The variable first: when the caller hangs up in between, the report of the ending has it."""
        before = (await self.command("GET VARIABLE", RESULTS_VARIABLE)).note
        results = f"{before}{fact.value}:{urlencode(details, quote_via=quote)};"
        if len(results) <= _MOST_RESULTS:
            await self.set_variable(RESULTS_VARIABLE, results)
        else:
            self._log.warning("agi.results_full", fact=fact.value)
        await self._tell("HotlineFact", {"Fact": fact.value, **details})

    async def hang_up(self) -> None:
        await self.command("HANGUP")
        self._gone = True

    # -- how it is done -------------------------------------------------------------------

    async def _prompt_failed(self, prompt: str) -> None:
        """-1 says "hung up" and "no such file" alike: the channel knows which.

        Raises:
            CallerGone: it was the hang-up.
        """
        await self._still_there()
        self._log.error("agi.prompt_failed", prompt=prompt, fix="render the prompts again")

    async def _still_there(self) -> None:
        status = await self.command("CHANNEL STATUS")
        if status.number != 6:
            self._gone = True
            raise CallerGone()

    async def command(self, verb: str, *arguments: str, timeout_s: float = _ANSWER_S) -> AgiAnswer:
        """Send one command and read its answer.

        Raises:
            CallerGone: the caller hung up (HANGUP, 511, or the connection's end), or no answer came.
            AgiCommandInvalid: Asterisk does not know it, or not so.
            FieldRefused: an argument may not be sent.
        """
        line = command_line(verb, *arguments)
        if self._gone:
            raise CallerGone()
        try:
            while self._unanswered:
                await self._read_answer("an earlier command", _PLAY_S)
            self._writer.write(line)
            self._unanswered += 1
            return await self._read_answer(verb, timeout_s)
        except OSError as problem:  # a TimeoutError, our own or the kernel's, is one
            self.lost = True
            self._log.error("agi.lost", command=verb, problem=f"{type(problem).__name__} {problem}")
        except EOFError:
            pass
        self._gone = True
        raise CallerGone()

    async def _read_answer(self, verb: str, timeout_s: float) -> AgiAnswer:
        async with asyncio.timeout(timeout_s):
            line = await self._final_line()
        self._unanswered -= 1
        if line == "HANGUP" or line.startswith("511"):
            raise EOFError(line)
        if line.startswith(("510", "520")):
            raise AgiCommandInvalid(f"{verb}: {line[:300]}")
        return parse_answer(line)

    async def _final_line(self) -> str:
        """The answer's line; of a multi-line 520 all lines in one."""
        while True:
            line = await self._line()
            if line.startswith("100"):
                continue
            if not line.startswith("520-"):
                return line
            usage = [line]
            while not (line := await self._line()).startswith("520 "):
                usage.append(line)
            return " ".join(usage)

    async def _line(self) -> str:
        try:
            raw = await self._reader.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            raise AgiProtocolError("an answer without an end") from None
        return raw.decode("utf-8", "replace").rstrip("\r\n")
