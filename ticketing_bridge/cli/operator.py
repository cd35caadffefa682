"""Who types a command, as the audit log names them."""

from __future__ import annotations

import getpass


def operator() -> str:
    """The user of this machine's account."""
    return f"cli:{getpass.getuser()}"
