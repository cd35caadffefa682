"""What can go wrong with a database, and how its address is written."""

from __future__ import annotations

from typing import Self

from facts.errors import HotlineError


class DatabaseAway(HotlineError):
    """The database does not answer."""

    error_id = "database-away"

    @classmethod
    def because(cls, problem: BaseException) -> Self:
        """From the driver's error: its first line, never its SQL or values."""
        lines = str(getattr(problem, "orig", None) or problem).strip().splitlines()
        said = lines[0] if lines else type(problem).__name__
        if "No space left" in said:
            return cls(f"the database cannot write: {said}", fix="free disk space on the database's machine")
        return cls(
            f"the database does not answer: {said}",
            fix="start it (hotline serve starts the embedded one) or correct HOTLINE_DATABASE_URL",
        )


class NotInStore(HotlineError):
    """There is no such row."""

    error_id = "not-in-store"
    exit_code = 1


def sqlalchemy_url(url: str) -> str:
    """``postgresql://…`` as SQLAlchemy wants it for psycopg 3."""
    for scheme in ("postgresql+psycopg://", "postgresql://", "postgres://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    raise DatabaseAway(
        "the database's address is not a PostgreSQL URL",
        fix="write HOTLINE_DATABASE_URL as postgresql://user:password@host:5432/name",
    )


def libpq_url(url: str) -> str:
    """The same address for psycopg itself."""
    return "postgresql://" + sqlalchemy_url(url).removeprefix("postgresql+psycopg://")
