"""Models of full-band speech on the telephone: Vosk refuses 8 kHz sound for them unless it is told otherwise.

What tells it is a line in the model's own configuration. The folder that a city has put there is not ours to
alter, so the model is used from a folder of ours beside it: the same files, linked, with that line added.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from asr.manifest import MANIFEST
from asr.models import model_facts

#: the telephone's sample rate
TELEPHONE_HZ = 8000
ALLOW = "--allow-upsample=true"


def for_telephone(model: Path, folder: Path) -> Path:
    """The same model, or our copy of it in ``folder`` that takes 8 kHz sound.

    Raises:
        ModelInvalid: the folder is no whole model.
    """
    facts = model_facts(model)
    feature = _feature_conf(model)
    if (
        facts.rate_hz <= TELEPHONE_HZ
        or ALLOW in feature.read_text(encoding="utf-8", errors="replace").split()
    ):
        return model
    copy = folder / facts.version / model.resolve().name  # transcripts name a model by its folder
    if not copy.is_dir():
        _make(model.resolve(), copy)
    return copy


def _feature_conf(model: Path) -> Path:
    mfcc = model / "conf" / "mfcc.conf"
    return mfcc if mfcc.is_file() else model / "conf" / "fbank.conf"


def _make(model: Path, copy: Path) -> None:
    """It appears whole or not at all; two processes may make it at once."""
    copy.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{copy.name}.", dir=copy.parent))
    try:
        for file in model.rglob("*"):
            place = made / file.relative_to(model)
            if file.is_file() and file.name != MANIFEST:
                place.parent.mkdir(parents=True, exist_ok=True)
                _link(file, place)
        feature = _feature_conf(made)
        text = feature.read_text(encoding="utf-8", errors="replace").rstrip("\n")
        feature.unlink()  # a link to the model's own file
        feature.write_text(f"{text}\n{ALLOW}\n", encoding="utf-8")
        made.chmod(0o755)
        made.rename(copy)
    except OSError:
        if not copy.is_dir():
            raise
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _link(file: Path, place: Path) -> None:
    try:
        os.link(file.resolve(), place)
    except OSError:  # another file system, or a user who may not
        os.symlink(file.resolve(), place)
