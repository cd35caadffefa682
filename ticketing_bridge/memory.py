"""How a serving process looks for memory that may be given back."""

from __future__ import annotations

import gc
from typing import Final

#: Python's own (700, 10, 10) look through everything a process knows several times a second under load,
#: and each look stops it: half a second for a million objects
SELDOM: Final = (10_000, 20, 20)


def look_seldom() -> None:
    """What is there now stays for good and is never looked through again; the rest seldom.

    To be called when a process has imported what it needs and has not begun to serve.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*SELDOM)
