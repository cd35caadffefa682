"""Where this machine gets its packages: read from its own apt sources, never from us. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AptSource:
    """One archive of the machine's apt sources."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    #: path of a keyring, or an armoured key block; empty: the keys that apt trusts anyway
    signed_by: str
    #: file that said so
    origin: str


def parse_deb822(text: str, origin: str) -> list[AptSource]:
    """Entries of a ``.sources`` file; disabled and source-only ones are left out."""
    found: list[AptSource] = []
    for stanza in re.split(r"\n[ \t]*\n", text):
        fields = _fields(stanza)
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() == "no":
            continue
        found += [
            AptSource(
                uri,
                tuple(fields.get("suites", "").split()),
                tuple(fields.get("components", "").split()),
                fields.get("signed-by", "").strip(),
                origin,
            )
            for uri in fields.get("uris", "").split()
        ]
    return found


def _fields(stanza: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    name = ""
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1] in (" ", "\t"):
            fields[name] = fields.get(name, "") + "\n" + ("" if line.strip() == "." else line.strip())
        elif ":" in line:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.strip()
    return fields


def parse_one_line(text: str, origin: str) -> list[AptSource]:
    """Entries of a ``.list`` file."""
    found: list[AptSource] = []
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)", line)
        if not match:
            continue
        options, uri, suite, components = match.groups()
        signed = next(
            (
                it.partition("=")[2]
                for it in shlex.split(options or "")
                if it.lower().startswith("signed-by=")
            ),
            "",
        )
        found.append(AptSource(uri, (suite,), tuple(components.split()), signed, origin))
    return found


def main_archive(sources: Iterable[AptSource], release: Mapping[str, str]) -> AptSource | None:
    """The distribution's own archive: the entry with the release itself and its main component.

    Security and update entries carry other suites; foreign archives carry other suites or components.

    Args:
        release: the fields of ``os-release``.
    """
    names = {
        release.get("VERSION_CODENAME", ""),
        release.get("UBUNTU_CODENAME", ""),
        "stable",
        "sid",
        "unstable",
    }
    names |= {"testing", release.get("DEBIAN_CODENAME", "")}
    names.discard("")
    fitting = [it for it in sources if names & set(it.suites) and "main" in it.components]
    paths = [it for it in fitting if re.search(r"/(debian|ubuntu|ubuntu-ports)/?\Z", it.uri)]
    return next(iter(paths or fitting), None)


def parse_os_release(text: str) -> dict[str, str]:
    """Fields of ``/etc/os-release``."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}
