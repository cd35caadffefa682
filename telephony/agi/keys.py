"""Keys of one caller. None is lost: where the PBX keeps them (StoreDTMF), they are taken from there.

Between two commands of a FastAGI server Asterisk reads the caller's channel and throws away what it reads
(``run_agi`` in res_agi.c): on a busy machine a tenth of a second, in which a key may end. So on our own
dialplan the PBX writes every key into a variable; that a command was ended by a key only says that it is time
to look there. A key that ends in such a moment is found with the next one, when a prompt is over, or within a
second of waiting.

A key of which Asterisk sees the beginning in a command and the end outside is emulated, and the next one,
should it be quick, is then kept twice. Such keys are told apart by AMI (``telephony.agi.presses``). Where
nobody tells, a wait is not cut, so that fewer keys straddle two commands.
"""

from __future__ import annotations

from typing import Protocol

from telephony.agi.presses import MOST_BEHIND, KeyWitness
from telephony.agi.protocol import AgiAnswer

ALL_KEYS = "0123456789*#"
#: what the dialplan passes when the PBX keeps keys
KEPT = "kept"
#: results from here on are no keys: a prompt was stopped (AST_CONTROL_STREAM_STOP), perhaps one that was over
#: by then; whatever plays or waits next is told instead, and begins again
_STEERED = 1000
#: how long one looks away while waiting for a key
_LOOK_MS = 1000
#: read and emptied in one command, so that nothing comes in between
_TAKE = "${HOTLINE_KEYS}${SET(HOTLINE_KEYS=)}"


class Line(Protocol):
    """What of a session it takes to look."""

    @property
    def channel(self) -> str: ...

    async def command(self, verb: str, *arguments: str) -> AgiAnswer: ...


class Keypad:
    """The keys of one caller, in the order in which they were pressed.

    Args:
        kept: the PBX keeps them; else only what a command says of a key is known.
        witness: tells whether a key was pressed, or is one before it again; None: all were pressed.
    """

    def __init__(self, line: Line, *, kept: bool, witness: KeyWitness | None = None) -> None:
        self._line = line
        self._kept = kept
        self._witness = witness
        self._told_before = witness.told(line.channel) if witness else 0
        self._taken = ""
        self._typed = ""

    async def pressed(self, keys: str = ALL_KEYS) -> str | None:
        """A key that was pressed before now; those before it that do not count are used up."""
        await self._take()
        return self.next(keys)

    async def after(self, answer: AgiAnswer, keys: str = ALL_KEYS) -> str | None:
        """The key that ended a command, or one that was pressed and not told. None and an answer above 0:
        something else ended it (a prompt was stopped, or a key is told a second time)."""
        if self._kept:
            return await self.pressed(keys)
        return chr(answer.number) if 0 < answer.number < _STEERED else None

    async def forget(self) -> None:
        """What was pressed until now does not count."""
        await self._take()
        self._typed = ""

    def piece(self, ms: int) -> int:
        """How much of a time to wait in one command."""
        return min(ms, _LOOK_MS) if self._kept and self._witness is not None else ms

    def next(self, keys: str = ALL_KEYS) -> str | None:
        """The same as ``pressed`` of what is known already."""
        while self._typed:
            key, self._typed = self._typed[0], self._typed[1:]
            if key in keys:
                return key
        return None

    async def _take(self) -> None:
        if self._kept:
            new = (await self._line.command("GET FULL VARIABLE", _TAKE)).note
            before, self._taken = self._taken[-MOST_BEHIND:], self._taken + new
            if self._witness is not None and any(key in before + new[:at] for at, key in enumerate(new)):
                new = await self._witness.pressed(
                    self._line.channel, self._taken, len(new), self._told_before
                )
            self._typed += new
