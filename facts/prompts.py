"""How a spoken text is named: the same name for whoever renders it and whoever plays it."""

from __future__ import annotations

import hashlib

#: folder of our prompts below the PBX's sounds
PROMPT_FOLDER = "hotline"
#: the tone before a message may be left
BEEP = f"{PROMPT_FOLDER}/beep"


def prompt_name(text: str) -> str:
    """The PBX's sound name of a text: changes when the text does, is safe in a dialplan and a path.

    >>> prompt_name("您好。")
    'hotline/9e0b733d1ab88dc8'
    """
    return f"{PROMPT_FOLDER}/{hashlib.sha256(text.encode()).hexdigest()[:16]}"
