"""Checksums of a model's files: what was altered or lost since is named before Vosk sees it."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

#: in the model's folder, in the form of ``sha256sum``
MANIFEST = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def write_manifest(model: Path) -> Path:
    """Note the checksums of what Vosk reads; returns the manifest's path."""
    lines = [f"{file_sha256(model / name)}  {name}\n" for name in _files(model)]
    manifest = model / MANIFEST
    manifest.write_text("".join(lines), encoding="utf-8")
    return manifest


def read_manifest(model: Path) -> dict[str, str]:
    """Checksum by file, empty when the model has no manifest."""
    try:
        text = (model / MANIFEST).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return {}
    found = (_LINE.fullmatch(line) for line in text.splitlines())
    return {match[2]: match[1] for match in found if match}


def altered_files(model: Path, *, up_to_bytes: int | None = None) -> list[str]:
    """Files that are not as the manifest says, each with what is wrong; larger ones are not read."""
    problems = []
    for name, digest in read_manifest(model).items():
        file = model / name
        if not file.is_file():
            problems.append(f"{name} missing")
        elif up_to_bytes is not None and file.stat().st_size > up_to_bytes:
            continue
        elif file_sha256(file) != digest:
            problems.append(f"{name} altered")
    return problems


def file_sha256(file: Path) -> str:
    """SHA-256 of a file's content, read in pieces."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _files(model: Path) -> list[str]:
    """What Vosk reads: it lies in subfolders; cards and notes beside them may change."""
    return sorted(
        file.relative_to(model).as_posix()
        for folder in model.iterdir()
        if folder.is_dir()
        for file in folder.rglob("*")
        if file.is_file()
    )
