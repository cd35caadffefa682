"""Who is at the page: accounts, sessions, CSRF, and the brake on guessing passwords."""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ticketing_bridge.access import Role
from ticketing_bridge.store import UnitOfWork

SESSION_COOKIE = "hotline_session"
#: before there is a session: a random cookie from which the login form's CSRF token follows
VISITOR_COOKIE = "hotline_visitor"
SESSION_LIFE = timedelta(hours=12)
#: of a screen on a wall, which nobody signs in each morning; its account ends it (disabled, another password)
WALL_LIFE = timedelta(days=365)

FIRST_LOGIN = "admin"
FIRST_ROLE = "admin"

#: argon2id with the library's defaults (RFC 9106, low memory): about 50 ms and 64 MiB a check
_hasher = PasswordHasher()


@cache
def _nobody() -> str:
    """Checked when there is no such user, so that both answers take the same time."""
    return _hasher.hash(secrets.token_urlsafe(16))


#: how many checks may run at once: each takes 64 MiB
_checks = asyncio.Semaphore(2)


def new_token() -> str:
    """A session's token; the store keeps only its digest."""
    return secrets.token_urlsafe(32)


def session_life(role: str) -> timedelta:
    """How long a session of this role lasts.

    >>> session_life("agent"), session_life("wall")
    (datetime.timedelta(seconds=43200), datetime.timedelta(days=365))
    """
    return WALL_LIFE if role == Role.WALL else SESSION_LIFE


def csrf_token(token: str) -> str:
    """The form's proof that it came from a page of this session; says nothing about the session itself."""
    return hmac.new(token.encode(), b"hotline csrf", "sha256").hexdigest()


def csrf_right(token: str | None, given: str | None) -> bool:
    """Whether the form belongs to this cookie."""
    return bool(token and given) and hmac.compare_digest(csrf_token(token or ""), given or "")


def hash_password(password: str) -> str:
    """For the account's row."""
    return _hasher.hash(password)


async def password_right(password_hash: str | None, password: str) -> bool:
    """Check a password off the event loop; as slow for an unknown user as for a known one."""
    async with _checks:
        right = await asyncio.to_thread(lambda: _verify(password_hash or _nobody(), password))
    return right and password_hash is not None


def outdated(password_hash: str) -> bool:
    """Whether the hash was made with weaker parameters than today's: it is made anew at the next login."""
    return _hasher.check_needs_rehash(password_hash)


def _verify(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


async def ensure_first_user(uow: UnitOfWork) -> tuple[str, str] | None:
    """Make the first account where there is none; returns its login and password, to be shown once."""
    if await uow.users.list():
        return None
    password = secrets.token_urlsafe(12)
    made = await uow.users.add(FIRST_LOGIN, await asyncio.to_thread(hash_password, password), FIRST_ROLE)
    if made is None:
        return None  # somebody else made it in this moment
    await uow.audit.add("console", "account-made", subject=FIRST_LOGIN)
    return FIRST_LOGIN, password


@dataclass(slots=True)
class Brake:
    """Holds back whoever fails too often: by user name and by address, in memory.

    After ``free`` failures within ``window_s`` every further attempt is refused until the
    window has passed. The oldest of ``kept`` names goes first, so that guessing names cannot
    fill the memory.
    """

    free: int = 5
    window_s: float = 300.0
    kept: int = 10_000
    clock: Callable[[], float] = time.monotonic
    _failures: OrderedDict[str, list[float]] = field(default_factory=OrderedDict)

    def wait_s(self, *names: str) -> float:
        """Seconds until one of these may try again; 0 when they may now."""
        now = self.clock()
        waits = [0.0]
        for name in names:
            recent = [at for at in self._failures.get(name, ()) if now - at < self.window_s]
            if len(recent) >= self.free:
                waits.append(self.window_s - (now - recent[-self.free]))
        return max(waits)

    def failed(self, *names: str) -> None:
        """An attempt failed."""
        now = self.clock()
        for name in names:
            recent = [at for at in self._failures.pop(name, []) if now - at < self.window_s]
            self._failures[name] = [*recent[-self.free :], now]
        while len(self._failures) > self.kept:
            self._failures.popitem(last=False)

    def passed(self, name: str) -> None:
        """This user came in: nothing is held against the name any more."""
        self._failures.pop(name, None)

    def forgiven(self, name: str) -> None:
        """The newest attempt was none: a shift of people logs in from one address."""
        if self._failures.get(name):
            self._failures[name].pop()
