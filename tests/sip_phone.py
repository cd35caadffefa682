"""A small SIP telephone of our own, for tests only: calls, registers, answers, hums, hangs up.

It shares no code with Asterisk or with our simulated people, so it does not share their assumptions.
"""

from __future__ import annotations

import cmath
import contextlib
import hashlib
import math
import re
import socket
import struct
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field


def _linear(byte: int) -> float:
    """One sample of A-law (ITU-T G.711), 16 bits."""
    byte ^= 0x55
    exponent, mantissa = byte >> 4 & 7, (byte & 15) << 4
    value = mantissa + 8 if exponent == 0 else mantissa + 0x108 << exponent - 1
    return float(value if byte & 0x80 else -value)


_A_LAW = [_linear(byte) for byte in range(256)]
#: the two tones of each key (ITU-T Q.23), in Hz
_ROWS, _COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477)
_TONES = {key: (_ROWS[at // 3], _COLUMNS[at % 3]) for at, key in enumerate("123456789*0#")}


def _key_sound(key: str, number: int) -> bytes:
    """20 ms of a key's two tones, the packet of this number."""
    low, high = _TONES[key]
    times = [(number * 160 + place) / 8000 for place in range(160)]
    waves = (6000 * (math.sin(math.tau * low * at) + math.sin(math.tau * high * at)) for at in times)
    return bytes(min(range(256), key=lambda byte: abs(_A_LAW[byte] - wave)) for wave in waves)


Message = tuple[str, dict[str, str], str]


def _parse(data: bytes) -> Message:
    head, _, body = data.decode().partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), value.strip())
    return first, headers, body


@dataclass(slots=True)
class SipPhone:
    """One telephone with one call at a time. ``user`` is its number or agent id."""

    user: str
    server_port: int
    password: str = ""
    answers: bool = False
    #: where it waits for calls; 0: any free port
    listen_port: int = 0
    #: the final answer to a call that it does not take, such as ``486 Busy Here``; empty: rings on
    refuses: str = ""
    #: it hums at 8000 Hz ÷ this (a divisor of 160)
    hum_period: int = 10
    #: the number of the last caller, and the number that was dialled
    shown: str = ""
    dialled: str = ""
    answered: threading.Event = field(default_factory=threading.Event)
    ringing: threading.Event = field(default_factory=threading.Event)
    gone: threading.Event = field(default_factory=threading.Event)
    #: who called has given up before an answer
    cancelled: threading.Event = field(default_factory=threading.Event)
    #: its keys are tones in its sound, and no events (RFC 4733)
    sounds_keys: bool = False
    #: whether what comes is kept in ``heard`` (A-law, as it came)
    keeps_sound: bool = False
    heard: bytearray = field(default_factory=bytearray)
    _invited: Message = ("", {}, "")
    _socket: socket.socket = field(init=False)
    _replies: list[Message] = field(default_factory=list)
    _arrived: threading.Condition = field(default_factory=threading.Condition)
    _open: bool = True
    _dialog: dict[str, str] = field(default_factory=dict)
    _rtp: socket.socket = field(init=False)
    _threads: list[threading.Thread] = field(default_factory=list)
    #: keys to press, each with how many packets of 20 ms it is down and how many follow before the next
    _keys: list[tuple[str, int, int]] = field(default_factory=list)
    _packets: int = 0
    _registered: bool = False

    def __enter__(self) -> SipPhone:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", self.listen_port))
        self._socket.settimeout(0.1)
        self._rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._rtp.bind(("127.0.0.1", 0))
        self._start(self._listen)
        return self

    def __exit__(self, *_: object) -> None:
        if self._dialog and not self.gone.is_set():
            self.hang_up()
        if self._registered:
            self.register(expires_s=0)
        self._open = False
        for thread in self._threads:
            thread.join()
        self._socket.close()
        self._rtp.close()

    def _start(self, work: Callable[..., None], *values: object) -> None:
        thread = threading.Thread(target=work, args=values, daemon=True)
        self._threads.append(thread)
        thread.start()

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def call(self, number: str, timeout_s: float = 10.0) -> int:
        """Dial; returns the final status. 200: the call is up."""
        call_id, tag = uuid.uuid4().hex, uuid.uuid4().hex[:8]
        target = f"sip:{number}@127.0.0.1:{self.server_port}"
        self._request("INVITE", target, call_id, tag, f"<{target}>", 1, self._sdp())
        first, headers, body = self._final(call_id, "INVITE", timeout_s)
        status = int(first.split()[1])
        if status == 401 and self.password:
            self._request("ACK", target, call_id, tag, headers["to"], 1)
            self._replies.clear()
            digest = self._digest(headers["www-authenticate"], target, "INVITE")
            self._request("INVITE", target, call_id, tag, f"<{target}>", 2, self._sdp(), digest)
            first, headers, body = self._final(call_id, "INVITE", timeout_s)
            status = int(first.split()[1])
        self._dialog = {"id": call_id, "tag": tag, "to": headers["to"], "target": target}
        self._request("ACK", target, call_id, tag, headers["to"], int(headers["cseq"].split()[0]))
        if status == 200:
            self._start(self._hum, body)
        else:
            self._dialog = {}
        return status

    def _hum(self, sdp: str) -> None:
        """Send a tone as A-law RTP, 20 ms a packet, until the call is over."""
        found = re.search(r"^m=audio (\d+) ", sdp, re.MULTILINE)
        assert found
        half = self.hum_period // 2
        tone = (b"\x34" * half + b"\xb4" * half) * (160 // self.hum_period)
        number, pause, began = 0, 0, time.monotonic()
        while self._open and not self.gone.is_set():
            if self.keeps_sound:
                self._hear()
            if self._keys and pause == 0:
                key, down, pause = self._keys.pop(0)
                self._send_key(key, number, down, int(found[1]))
                number += down
                time.sleep(max(0.0, began + number * 0.02 - time.monotonic()))
            pause = max(0, pause - 1)
            self._send_rtp(8, number, tone, int(found[1]))
            number += 1
            time.sleep(max(0.0, began + number * 0.02 - time.monotonic()))

    def hears(self, period: int, for_s: float = 0.5) -> bool:
        """Whether a telephone that hums with this period is heard now: its tone's part of the loudness."""
        self._rtp.settimeout(0.05)
        begin = time.monotonic()
        samples: list[float] = []
        while (now := time.monotonic()) < begin + 0.1 + for_s:
            with contextlib.suppress(TimeoutError):
                packet = self._rtp.recv(2048)
                if now > begin + 0.1 and packet[1] & 0x7F == 8:  # what waited in the socket is older
                    samples += [_A_LAW[byte] for byte in packet[12:]]
        turns = [cmath.exp(-2j * cmath.pi * place / period) for place in range(period)]
        part = sum(value * turns[place % period] for place, value in enumerate(samples))
        return bool(samples) and abs(part) / len(samples) > 500

    def _hear(self) -> None:
        """Keep what has come: the payload of every A-law packet."""
        with contextlib.suppress(BlockingIOError):
            while packet := self._rtp.recv(2048, socket.MSG_DONTWAIT):
                if packet[1] & 0x7F == 8:
                    self.heard += packet[12:]

    def press(self, keys: str) -> None:
        """Press keys, one after the other (RFC 4733)."""
        for key in keys:
            self._keys.append((key, 8, 0))
            time.sleep(0.25)

    def burst(self, keys: str, down_ms: int = 160, pause_ms: int = 0) -> None:
        """Press keys one straight after the other, in steps of 20 ms, and do not wait for it."""
        self._keys.extend((key, down_ms // 20, pause_ms // 20) for key in keys)

    def _send_key(self, key: str, number: int, down: int, port: int) -> None:
        """One key: the event's packets share the time stamp, three at its end say that it is over."""
        if self.sounds_keys:
            for step, sound in enumerate([_key_sound(key, at) for at in range(down)]):
                self._send_rtp(8, number + step, sound, port)
                time.sleep(0.02)
            return
        event = "0123456789*#".index(key)
        for step in range(down + 3):
            over = 0x80 if step >= down else 0
            body = struct.pack(">BBH", event, 10 | over, 160 * min(step + 1, down))
            self._send_rtp(101 | (0x80 if step == 0 else 0), number, body, port)
            time.sleep(0.0 if over else 0.02)

    def _send_rtp(self, payload: int, number: int, body: bytes, port: int) -> None:
        """One packet that belongs ``number`` × 20 ms after the beginning."""
        self._packets += 1
        header = struct.pack(">BBHII", 0x80, payload, self._packets & 0xFFFF, number * 160, 0x12345678)
        self._rtp.sendto(header + body, ("127.0.0.1", port))

    def hang_up(self) -> None:
        """End the call."""
        it, self._dialog = self._dialog, {}
        if it and not self.gone.is_set():
            self._request("BYE", it["target"], it["id"], it["tag"], it["to"], 3)
            self._final(it["id"], "BYE", 5.0)
        self.gone.set()

    def refer(self, number: str, other: SipPhone | None = None) -> int:
        """Transfer the call to a number, or (attended) to the other side of another call of ours."""
        target = f"sip:{number}@127.0.0.1:{self.server_port}"
        if other is not None:
            there = other._dialog
            tags = f"{there['id']}%3Bto-tag%3D{_tag(there['to'])}%3Bfrom-tag%3D{there['tag']}"
            target = f"{target}?Replaces={tags}"
        it = self._dialog
        self._request(
            "REFER", it["target"], it["id"], it["tag"], it["to"], 7, extra=f"Refer-To: <{target}>\r\n"
        )
        return int(self._final(it["id"], "REFER", 5.0)[0].split()[1])

    def register(self, timeout_s: float = 5.0, expires_s: int = 120) -> int:
        """Log in with the password (0 seconds: log off, as the end does); returns the final status."""
        self._replies.clear()
        expires = f"Expires: {expires_s}\r\n"
        call_id, tag = uuid.uuid4().hex, uuid.uuid4().hex[:8]
        target = f"sip:127.0.0.1:{self.server_port}"
        to = f"<sip:{self.user}@127.0.0.1>"
        self._request("REGISTER", target, call_id, tag, to, 1, extra=expires)
        first, headers, _ = self._final(call_id, "REGISTER", timeout_s)
        if first.split()[1] != "401":
            return int(first.split()[1])
        self._replies.clear()
        digest = self._digest(headers["www-authenticate"], target)
        self._request("REGISTER", target, call_id, tag, to, 2, extra=expires + digest)
        status = int(self._final(call_id, "REGISTER", timeout_s)[0].split()[1])
        self._registered = status == 200 and expires_s > 0
        return status

    def _digest(self, challenge: str, uri: str, method: str = "REGISTER") -> str:
        parts = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge))
        md5 = lambda text: hashlib.md5(text.encode()).hexdigest()  # noqa: E731
        secret, ask = md5(f"{self.user}:{parts['realm']}:{self.password}"), md5(f"{method}:{uri}")
        answer = md5(f"{secret}:{parts['nonce']}:00000001:abc:auth:{ask}")
        return (
            f'Authorization: Digest username="{self.user}",realm="{parts["realm"]}",nonce="{parts["nonce"]}",'
            f'uri="{uri}",response="{answer}",algorithm=MD5,qop=auth,nc=00000001,cnonce="abc"'
            + (f',opaque="{parts["opaque"]}"' if "opaque" in parts else "")
            + "\r\n"
        )

    def _sdp(self) -> str:
        kinds, events = ("8", "") if self.sounds_keys else ("8 101", "a=rtpmap:101 telephone-event/8000\r\n")
        return (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {self._rtp.getsockname()[1]} RTP/AVP {kinds}\r\na=rtpmap:8 PCMA/8000\r\n"
            f"{events}a=sendrecv\r\n"
        )

    def _request(
        self,
        method: str,
        target: str,
        call_id: str,
        tag: str,
        to: str,
        number: int,
        body: str = "",
        extra: str = "",
    ) -> None:
        contact = f"<sip:{self.user}@127.0.0.1:{self.port}>"
        self._send(
            f"{method} {target} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};rport;branch=z9hG4bK{uuid.uuid4().hex}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:{self.user}@127.0.0.1>;tag={tag}\r\nTo: {to}\r\n"
            f"Call-ID: {call_id}\r\nCSeq: {number} {method}\r\nContact: {contact}\r\n{extra}{_content(body)}"
        )

    def _send(self, text: str) -> None:
        self._socket.sendto(text.encode(), ("127.0.0.1", self.server_port))

    def _final(self, call_id: str, method: str, timeout_s: float) -> Message:
        wanted: Callable[[Message], bool] = lambda it: (  # noqa: E731
            it[1]["call-id"] == call_id
            and it[1]["cseq"].endswith(method)
            and not it[0].split()[1].startswith("1")
        )
        with self._arrived:
            if not self._arrived.wait_for(lambda: any(map(wanted, self._replies)), timeout_s):
                raise AssertionError(f"no answer to {method} within {timeout_s} s")
            return next(filter(wanted, self._replies))

    def _listen(self) -> None:
        while self._open:
            try:
                data = self._socket.recv(65536)
            except TimeoutError:
                continue
            message = _parse(data)
            if message[0].startswith("SIP/2.0"):
                with self._arrived:
                    self._replies.append(message)
                    self._arrived.notify_all()
            else:
                self._serve(message)

    def _serve(self, message: Message) -> None:
        method, headers = message[0].split()[0], message[1]
        if method == "INVITE":
            self.shown = headers["from"].partition("sip:")[2].partition("@")[0]
            self.dialled = message[0].partition("sip:")[2].partition("@")[0]
            if self.refuses:
                self._reply(headers, self.refuses)
                return
            self.ringing.set()
            self._reply(headers, "180 Ringing")
            self._invited = message
            if self.answers:
                self.answer()
        elif method in ("BYE", "OPTIONS", "CANCEL", "NOTIFY"):
            self._reply(headers, "200 OK")
            if method == "BYE":
                self.gone.set()
            if method == "CANCEL":
                self.cancelled.set()
                self._reply(
                    {**headers, "cseq": headers["cseq"].replace("CANCEL", "INVITE")}, "487 Request Terminated"
                )

    def answer(self) -> None:
        """Take the call that rings."""
        _, headers, body = self._invited
        self._reply(headers, "200 OK", self._sdp())
        target = headers["contact"].strip("<>").partition(">")[0]
        ours, theirs = f"{headers['to']};tag={self.user}", headers["from"]
        self._dialog = {"id": headers["call-id"], "tag": self.user, "to": theirs, "target": target}
        self._dialog["from"] = ours
        self._start(self._hum, body)
        self.answered.set()

    def _reply(self, headers: dict[str, str], status: str, body: str = "") -> None:
        to = headers["to"] if ";tag=" in headers["to"] else f"{headers['to']};tag={self.user}"
        self._send(
            f"SIP/2.0 {status}\r\nVia: {headers['via']}\r\nFrom: {headers['from']}\r\nTo: {to}\r\n"
            f"Call-ID: {headers['call-id']}\r\nCSeq: {headers['cseq']}\r\n"
            f"Contact: <sip:{self.user}@127.0.0.1:{self.port}>\r\n{_content(body)}"
        )


def _tag(header: str) -> str:
    return header.rpartition(";tag=")[2]


def _content(body: str) -> str:
    kind = "Content-Type: application/sdp\r\n" if body else ""
    return f"{kind}Content-Length: {len(body)}\r\n\r\n{body}"


def wait_until(seen: Callable[[], bool], timeout_s: float = 30.0) -> bool:
    """Whether it came true within the time."""
    deadline = time.monotonic() + timeout_s
    while not seen():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
