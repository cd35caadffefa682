"""How the telephony role asks the speech role to listen, before the PBX is asked to send.

JSON lines over a UNIX socket. Telephony sends a request (``call leg channel channel_uniqueid
stream offset_s``, for a spoken question also ``grammar``, a list of phrases) and gets
``{"ready": stream}`` or ``{"refused": stream, "why": …}``; ``{"hear": stream, "grammar": […]}``
changes what may be said (null: anything), ``{"release": stream}`` ends a stream. A line that
cannot be read is logged and skipped.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import structlog

from facts.audio import TapRequest
from facts.errors import HotlineError
from facts.identity import CallKey
from facts.tasks import end_task
from facts.transcript import Leg
from telephony.backoff import Backoff

_log = structlog.get_logger(__name__)
#: a grammar may be long
_MAX_LINE_BYTES = 1 << 20


class SpeechAway(HotlineError):
    """The speech role is not there to listen."""

    error_id = "speech-away"


class TapRefused(HotlineError):
    """The speech role does not want this stream."""

    error_id = "tap-refused"


def request_to_line(request: TapRequest) -> bytes:
    """One request as one JSON line."""
    return _line(
        {
            "call": str(request.call),
            "leg": request.leg.value,
            "channel": request.channel,
            "channel_uniqueid": request.channel_uniqueid,
            "stream": request.stream,
            "offset_s": request.offset_s,
            **({"grammar": request.grammar} if request.grammar else {}),
            **({"question": True} if request.question else {}),
        }
    )


def request_from_json(message: dict[str, Any]) -> TapRequest:
    """A request as it was sent.

    Raises:
        ValueError: a field is missing or wrong.
    """
    try:
        return TapRequest(
            call=CallKey.parse(str(message["call"])),
            leg=Leg(message["leg"]),
            channel=str(message.get("channel", "")),
            channel_uniqueid=str(message.get("channel_uniqueid", "")),
            stream=str(message["stream"]),
            offset_s=float(message["offset_s"]),
            grammar=_phrases(message.get("grammar")) or (),
            question=message.get("question") is True,
        )
    except (KeyError, TypeError) as wrong:
        raise ValueError(f"a tap request lacks {wrong}") from None


def _phrases(grammar: Any) -> tuple[str, ...] | None:
    if grammar is None:
        return None
    if not isinstance(grammar, list) or not all(isinstance(phrase, str) for phrase in grammar):
        raise ValueError("a grammar is a list of phrases")
    return tuple(grammar)


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=False).encode() + b"\n"


async def _read_messages(
    reader: asyncio.StreamReader, take: Callable[[dict[str, Any]], Awaitable[None]]
) -> None:
    """Hand on every readable line until the end; a half line at the end is nothing."""
    while (line := await reader.readline()).endswith(b"\n"):
        try:
            message = json.loads(line)
            if not isinstance(message, dict):
                raise ValueError("not an object")
            await take(message)
        except ValueError as wrong:
            _log.warning("tap_control.bad_line", why=str(wrong)[:200])


class TapControl:
    """The telephony role's end: keeps connecting for as long as it lives.

    ``on_connected`` is called at every (re)connect and must not block: whatever was listened to
    before is not any more, so all live bridges are to be tapped again.
    """

    def __init__(self, path: Path, on_connected: Callable[[], None] | None = None) -> None:
        self._path = path
        self._on_connected = on_connected
        self._writer: asyncio.StreamWriter | None = None
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._keeper: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether the speech role is there now."""
        return self._writer is not None

    async def __aenter__(self) -> Self:
        self._keeper = asyncio.create_task(self._keep(), name="tap control")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await end_task(self._keeper)

    async def expect(self, request: TapRequest, timeout_s: float = 2.0) -> None:
        """Return when the speech role listens for ``request.stream``.

        Raises:
            SpeechAway: not connected, lost before the answer, or no answer in time.
            TapRefused: it does not want the stream.
        """
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[request.stream] = answer
        try:
            self._send(request_to_line(request))
            async with asyncio.timeout(timeout_s):
                await answer
        except TimeoutError:
            raise SpeechAway(f"the speech role did not answer within {timeout_s:g} s") from None
        finally:
            self._waiting.pop(request.stream, None)

    async def set_grammar(self, stream: str, phrases: Sequence[str] | None) -> None:
        """From now on only these phrases can be heard on a stream (None: anything).

        Raises:
            SpeechAway: not connected.
        """
        self._send(_line({"hear": stream, "grammar": None if phrases is None else list(phrases)}))

    async def release(self, stream: str) -> None:
        """Ask that a stream be ended; without a speech role there is none to end."""
        with contextlib.suppress(SpeechAway):
            self._send(_line({"release": stream}))

    def _send(self, line: bytes) -> None:
        if self._writer is None or self._writer.is_closing():
            raise SpeechAway()
        self._writer.write(line)

    async def _keep(self) -> None:
        backoff = Backoff(0.1, 2.0)
        while True:
            try:
                reader, self._writer = await asyncio.open_unix_connection(self._path, limit=_MAX_LINE_BYTES)
                _log.info("tap_control.connected")
                if self._on_connected is not None:
                    self._on_connected()
                backoff.reset()
                await _read_messages(reader, self._answered)
            except (OSError, ValueError) as away:
                _log.debug("tap_control.away", why=str(away))
            finally:
                self._lost()
            await asyncio.sleep(backoff.next_s())

    async def _answered(self, message: dict[str, Any]) -> None:
        stream = str(message.get("ready") or message.get("refused") or "")
        answer = self._waiting.get(stream)
        if answer is None or answer.done():
            return
        if "ready" in message:
            answer.set_result(None)
        else:
            answer.set_exception(TapRefused(f"the speech role refuses: {message.get('why', '')}"))

    def _lost(self) -> None:
        if self._writer is not None:
            _log.warning("tap_control.lost")
            self._writer.close()
            self._writer = None
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(SpeechAway())


class TapControlServer:
    """The speech role's end: what is expected, for the AudioSocket server to ask.

    ``on_expect`` may prepare a listener and may refuse by raising ``HotlineError``; ``on_grammar``
    changes what a stream can hear, ``on_release`` ends it. An expected stream that never comes is
    forgotten after ``kept_s``.
    """

    def __init__(
        self,
        path: Path,
        *,
        on_expect: Callable[[TapRequest], Awaitable[None]] | None = None,
        on_release: Callable[[str], None] | None = None,
        on_grammar: Callable[[str, tuple[str, ...] | None], None] | None = None,
        kept_s: float = 30.0,
    ) -> None:
        self._path = path
        self._on_expect = on_expect
        self._on_release = on_release
        self._on_grammar = on_grammar
        self._kept_s = kept_s
        self._expected: dict[str, tuple[TapRequest, float]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        part = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        part.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._connected, part, limit=_MAX_LINE_BYTES)
        part.chmod(0o600)
        # takes the place of what a speech role that was killed left behind, and is there at once
        part.replace(self._path)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def expects(self, stream: str) -> bool:
        """Whether somebody asked for this stream and it has not been taken yet."""
        self._forget_old()
        return stream in self._expected

    def take(self, stream: str) -> TapRequest | None:
        """The request of a stream that has come; it is not expected a second time."""
        found = self._expected.pop(stream, None)
        return found[0] if found else None

    def _forget_old(self) -> None:
        oldest_s = time.monotonic() - self._kept_s
        for stream in [stream for stream, (_, asked_s) in self._expected.items() if asked_s < oldest_s]:
            del self._expected[stream]

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer), name="tap control client")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def take(message: dict[str, Any]) -> None:
            writer.write(await self._answer(message))
            await writer.drain()

        try:
            await _read_messages(reader, take)
        except (OSError, ValueError) as wrong:
            _log.warning("tap_control.client_lost", why=str(wrong)[:200])
        finally:
            writer.close()

    async def _answer(self, message: dict[str, Any]) -> bytes:
        if "release" in message:
            self._expected.pop(str(message["release"]), None)
            if self._on_release is not None:
                self._on_release(str(message["release"]))
            return b""
        if "hear" in message:
            if self._on_grammar is not None:
                self._on_grammar(str(message["hear"]), _phrases(message.get("grammar")))
            return b""
        request = request_from_json(message)
        self._forget_old()
        try:
            if self._on_expect is not None:
                await self._on_expect(request)
        except HotlineError as refused:
            return _line({"refused": request.stream, "why": str(refused)})
        self._expected[request.stream] = (request, time.monotonic())
        return _line({"ready": request.stream})
