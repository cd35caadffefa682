"""Models that were fetched: each a folder under ``HOME/models``, whole and tried before it gets its name."""

from __future__ import annotations

import errno
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from asr.catalogue import public_models
from asr.download import DiskFull, fetch
from asr.manifest import write_manifest
from asr.models import ModelFacts, ModelInvalid, check_model, model_facts
from asr.unpack import ArchiveRefused, unpack
from facts.errors import HotlineError

#: what is being done, how much of it, and of how much (bytes; None: not known)
OnStep = Callable[[str, int, int | None], None]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
#: copies of ours for the telephone (``asr.wideband``)
NARROWBAND = ".narrowband"


class ModelUnknown(HotlineError):
    """Nobody has said where this model comes from, or what it must be."""

    error_id = "model-unknown"


@dataclass(frozen=True, slots=True)
class Wish:
    """What shall be fetched, and how it is known to be the right thing."""

    name: str
    url: str
    sha256: str


def wish(name: str, url: str | None = None, sha256: str | None = None) -> Wish:
    """A model by its name in the catalogue, or any other with its address and checksum.

    Raises:
        ModelUnknown: what is missing.
    """
    if not _NAME.fullmatch(name):
        raise ModelUnknown(f"{name!r} is no name of a model", fix="use letters, digits, dots and dashes")
    known = public_models().get(name)
    address = url or (known.url if known else None)
    if address is None:
        raise ModelUnknown(
            f"{name} is not in the catalogue",
            fix=f"name one of {', '.join(public_models())}, or give --url and --sha256",
        )
    digest = sha256 or (known.sha256 if known else None)
    if digest is None:
        raise ModelUnknown(
            f"the checksum of {name} is not known here", fix="ask its maker for it and give it with --sha256"
        )
    if not re.fullmatch(r"[0-9A-Fa-f]{64}", digest):
        raise ModelUnknown(f"{digest!r} is no SHA-256", fix="give its 64 hexadecimal digits")
    return Wish(name, address, digest.lower())


def get_model(wanted: Wish, folder: Path, *, on_step: OnStep | None = None) -> ModelFacts:
    """Fetch a model into ``folder`` under its name, unless it is there. Blocks.

    Interrupted, it goes on with what it has when it is called again.

    Raises:
        DownloadFailed, ChecksumWrong, DiskFull, ArchiveRefused, ModelInvalid: nothing was installed.
    """
    tell = on_step or (lambda step, done, whole: None)
    place = folder / wanted.name
    if place.is_dir():
        return check_model(place)
    archive = folder / ".download" / f"{wanted.name}-{wanted.sha256[:12]}.zip"
    if not archive.is_file():
        fetch(
            wanted.url,
            archive,
            sha256=wanted.sha256,
            on_bytes=lambda done, whole: tell("fetching", done, whole),
        )
    made = Path(tempfile.mkdtemp(prefix=f".{wanted.name}.", dir=folder))
    try:
        model = unpack(archive, made, on_bytes=lambda done, whole: tell("unpacking", done, whole))
        write_manifest(model)
        tell("trying", 0, None)
        check_model(model)
        model.chmod(0o755)
        model.rename(place)
    except ArchiveRefused:
        archive.unlink()
        raise
    except OSError as problem:
        if problem.errno != errno.ENOSPC:
            raise
        raise DiskFull(
            f"no room to unpack {wanted.name} in {folder}", fix="make room and try again"
        ) from None
    finally:
        shutil.rmtree(made, ignore_errors=True)
    archive.unlink()
    return model_facts(place)


def installed_models(folder: Path) -> list[ModelFacts | ModelInvalid]:
    """What is under ``HOME/models``, by name; a folder that is no whole model is the problem it has."""
    found: list[ModelFacts | ModelInvalid] = []
    if not folder.is_dir():
        return found
    for place in sorted(folder.iterdir()):
        if place.is_dir() and not place.name.startswith("."):
            try:
                found.append(model_facts(place))
            except ModelInvalid as problem:
                found.append(problem)
    return found
