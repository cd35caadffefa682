"""The one root of our errors.

Every error carries an ``error_id`` (stable, for scripts and log searches) and a
message for the person who must act: what is wrong, and what mends it.
"""

from __future__ import annotations


class HotlineError(Exception):
    """Root of every error that the hotline raises on purpose.

    Subclasses set ``error_id``; the message is the subclass's docstring unless one
    is given, so that an error explains itself wherever it is raised.
    """

    error_id: str = "hotline-error"
    #: exit code of the command line: 1 the answer is no, 2 the request was wrong
    exit_code: int = 2

    def __init__(self, message: str | None = None, *, fix: str | None = None) -> None:
        text = message or (self.__doc__ or "").strip().splitlines()[0]
        super().__init__(f"{text} — {fix}" if fix else text)
        self.fix = fix
