"""Agents as a benchmark has them: each signed in through the form, saving what the sheet's page has."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from html.parser import HTMLParser

from ticketing_bridge.bench.browser import SignInFailed, sign_in

Attributes = dict[str, str | None]


class SheetForm(HTMLParser):
    """What the page's script reads off its form: fields as they stand, the version of each, and the token."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        self.csrf = ""
        self._inside = False
        self._text: str | None = None
        self._choice = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        it: Attributes = dict(attrs)
        if tag == "form" and it.get("id") == "sheet":
            self._inside = True
        elif self._inside:
            self._take(tag, it, it.get("name") or "")

    def _take(self, tag: str, it: Attributes, name: str) -> None:
        if it.get("data-name"):
            self.versions[it["data-name"] or ""] = int(it.get("data-version") or 0)
        elif tag == "input" and name == "csrf":
            self.csrf = it.get("value") or ""
        elif tag == "input" and it.get("type") == "checkbox":
            self.fields[name] = "1" if "checked" in it else ""
        elif tag == "input" and name:
            self.fields[name] = it.get("value") or ""
        elif tag in {"select", "textarea"}:
            self._choice, self.fields[name] = name, ""
            self._text = "" if tag == "textarea" else None
        elif tag == "option" and "selected" in it and self._choice:
            self._text = ""

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        if tag in {"textarea", "option"} and self._text is not None and self._choice:
            self.fields[self._choice], self._text = self._text, None
        if tag in {"textarea", "select"}:
            self._choice = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """What a save was answered with, and after how long."""

    status: int
    ticket: str | None
    took_s: float


@dataclass(slots=True)
class Seat:
    """One agent at one call, in a browser of their own."""

    port: int
    login: str
    call: str
    path: str
    title: str
    cookie: str = field(default="", repr=False)
    _idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list, repr=False)

    async def sign_in(self, password: str) -> None:
        """Through the form."""
        self.cookie = await asyncio.to_thread(sign_in, f"http://127.0.0.1:{self.port}", self.login, password)

    async def open(self, matter: int) -> SheetForm:
        """The sheet's page, as the browser has it."""
        _, body = await self._sent(f"GET {self.path}?matter={matter} HTTP/1.1\r\n", b"")
        return SheetForm(body.decode())

    async def save(self, matter: int, form: SheetForm, typed: dict[str, str]) -> Answered:
        """What F9 does: every field as it stands, with the version of each."""
        fields = {**form.fields, **typed, "title": self.title}
        sent = {**fields, "versions": json.dumps(form.versions), "entry": "", "do": "save"}
        body = json.dumps(sent, ensure_ascii=False).encode()
        began = time.monotonic()
        head, answer = await self._sent(
            f"POST {self.path}/{matter}/save HTTP/1.1\r\nX-CSRF-Token: {form.csrf}\r\n"
            "Accept: application/json\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n",
            body,
        )
        took_s = time.monotonic() - began
        return Answered(int(head.split()[1]), json.loads(answer).get("ticket"), took_s)

    async def _sent(self, head: str, body: bytes) -> tuple[bytes, bytes]:
        """Over the connection that the browser keeps; two at once have one each."""
        link = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = link
        more = f"Host: 127.0.0.1:{self.port}\r\nCookie: {self.cookie}\r\n\r\n"
        writer.write(head.encode() + more.encode() + body)
        first = await reader.readuntil(b"\r\n\r\n")
        length = next(it for it in first.lower().split(b"\r\n") if it.startswith(b"content-length:"))
        rest = await reader.readexactly(int(length.partition(b":")[2]))
        self._idle.append(link)
        if first.split()[1:2] not in ([b"200"], [b"423"]):
            raise SignInFailed(f"{head.split()[1]}: {first!r} … {rest[-300:]!r}")
        return first, rest

    def leave(self) -> None:
        """Close the browser."""
        while self._idle:
            self._idle.pop()[1].close()
