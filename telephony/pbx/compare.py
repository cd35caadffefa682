"""What differs between the rendered configuration and the one in place; secrets are never shown."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from pathlib import Path

_SECRET = re.compile(r"^(\s*(?:secret|password)\s*=>?\s*).+$", re.MULTILINE)


def read_configuration(folder: Path, suffix: str = ".conf") -> dict[str, str]:
    """Files in place by name; empty when there is no such folder."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob(f"*{suffix}"))}


def differing(rendered: Mapping[str, str], in_place: Mapping[str, str]) -> tuple[str, ...]:
    """Names of rendered files that are not in place, or not like that."""
    return tuple(name for name in sorted(rendered) if in_place.get(name) != rendered[name])


def difference_text(rendered: Mapping[str, str], in_place: Mapping[str, str]) -> str:
    """A unified diff from what is in place to what is rendered; a changed secret shows as changed, not as is.

    Empty when nothing differs.
    """
    parts: list[str] = []
    for name in differing(rendered, in_place):
        before, after = in_place.get(name, ""), rendered[name]
        lines = list(
            difflib.unified_diff(
                _masked(before), _masked(after), f"in place/{name}", f"rendered/{name}", lineterm=""
            )
        )
        parts += lines or [f"--- in place/{name}", f"+++ rendered/{name}", "@ only secrets differ @"]
    return "\n".join(parts)


def _masked(text: str) -> list[str]:
    return _SECRET.sub(r"\1***", text).splitlines()
