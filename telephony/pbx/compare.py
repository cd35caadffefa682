"""What differs between the rendered configuration and the one in place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def read_configuration(folder: Path) -> dict[str, str]:
    """Files in place by name; empty when there is no such folder."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.conf"))}


def differences(rendered: Mapping[str, str], in_place: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Rendered files that are not in place, or not like that: name to (in place, rendered). Holds secrets."""
    return {
        name: (in_place.get(name, ""), text)
        for name, text in sorted(rendered.items())
        if in_place.get(name) != text
    }
