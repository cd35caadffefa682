"""Speech models: what a model folder is, whether one works, and how it is named in transcripts.

Vosk may abort the whole process over a broken model, so nothing here loads one: a throw-away process does,
and its exit code is looked at.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asr.manifest import MANIFEST, altered_files
from facts.errors import HotlineError

#: what Vosk cannot do without (layout of vosk-api 0.3.45, src/model.cc); a tuple names alternatives
NEEDED = (
    ("am/final.mdl",),
    ("conf/model.conf",),
    ("conf/mfcc.conf", "conf/fbank.conf"),
    ("graph/HCLG.fst", "graph/HCLr.fst"),
    ("graph/words.txt", "graph/Gr.fst", "graph/HCLG.fst"),
)
#: files beyond this are hashed by their ends and their size
WHOLE_HASH_BYTES = 8 << 20
#: models up to this are small ones: about ten streams a core, and a copy for every process is affordable
SMALL_MODEL_BYTES = 200 << 20
#: a fresh interpreter that takes modules from the installation only, never from the folder it is started in
CHILD = (sys.executable, "-P", "-m")
#: loading takes well under a second for a small model, about a minute for 10 GB from a slow disk
LOAD_TIMEOUT_S = 20.0
LOAD_TIMEOUT_S_PER_GB = 20.0


class ModelInvalid(HotlineError):
    """The speech model cannot be used."""

    error_id = "model-invalid"


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a model folder says of itself."""

    path: Path
    name: str
    #: changes when any file of the model changes
    version: str
    #: the sample rate that the model was trained at
    rate_hz: int
    size_bytes: int

    @property
    def id(self) -> str:
        """How transcripts name the model that heard them."""
        return f"{self.name}@{self.version}"

    @property
    def load_timeout_s(self) -> float:
        """After this long something is wrong: broken graphs can keep Vosk busy for ever."""
        return LOAD_TIMEOUT_S + LOAD_TIMEOUT_S_PER_GB * self.size_bytes / 1e9

    @property
    def is_small(self) -> bool:
        """Light enough to be loaded more than once."""
        return self.size_bytes <= SMALL_MODEL_BYTES


def default_model() -> Path:
    """The model that comes with the hotline; raises ``ModelInvalid`` when it was not built."""
    from asr.demo_model import model_path  # noqa: PLC0415 — reads nothing unless it is asked for

    path = Path(model_path())
    if not path.is_dir():
        raise ModelInvalid(
            f"the built-in speech model is missing: {path}",
            fix="run `hotline models build-demo`, or set HOTLINE_MODEL to a Vosk model folder",
        )
    return path


def model_facts(path: Path) -> ModelFacts:
    """Look at a folder's files without loading them.

    Raises:
        ModelInvalid: the folder is missing, is no Vosk model, or lacks a file; says which.
    """
    try:
        return _facts(Path(path))
    except OSError as problem:
        raise ModelInvalid(
            f"{problem.filename or path}: {problem.strerror}", fix="check the model's files and their rights"
        ) from None


def _facts(path: Path) -> ModelFacts:
    _check_files(path)
    _check_manifest(path, up_to_bytes=WHOLE_HASH_BYTES)
    files = sorted(file for file in path.rglob("*") if file.is_file() and file.name != MANIFEST)
    return ModelFacts(
        path=path,
        name=_name(path),
        version=_version(path, files),
        rate_hz=_rate_hz(path),
        size_bytes=sum(file.stat().st_size for file in files),
    )


def check_model(path: Path, *, timeout_s: float | None = None) -> ModelFacts:
    """Load the model in a process of its own, within limits, and let it hear noise. Blocks; use a thread.

    Raises:
        ModelInvalid: with what is wrong and what mends it.
    """
    facts = model_facts(path)
    limit_s = timeout_s or facts.load_timeout_s
    command = [*CHILD, "asr.child", "--check", str(facts.path)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired:
        raise model_too_slow(facts, limit_s) from None
    if done.returncode != 0:
        raise broken_model(facts.path, done.returncode, done.stderr.decode(errors="replace"))
    return facts


def model_too_slow(facts: ModelFacts, waited_s: float) -> ModelInvalid:
    """The error for a model that does not come up."""
    return ModelInvalid(
        f"the model {facts.path} did not come up within {waited_s:.0f} s",
        fix="unpack it again; if it is whole, use a smaller model or a machine with more memory",
    )


def broken_model(path: Path, exit_code: int, said: str) -> ModelInvalid:
    """The error for a model over which a process died; ``said`` is what it wrote to stderr."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("ERROR", "ASSERTION"))]
    last = (errors or lines or ["it said nothing"])[-1][:300]
    end = f"ended by {signal.Signals(-exit_code).name}" if exit_code < 0 else f"ended with code {exit_code}"
    fix = "unpack the model again, or choose another with HOTLINE_MODEL"
    if exit_code == -signal.SIGKILL:
        fix = "it was probably out of memory: use a smaller model, or remove its rescore/ and rnnlm/ folders"
    return ModelInvalid(f"Vosk could not use the model {path} ({end}: {last})", fix=fix)


def _check_files(path: Path) -> None:
    if not path.exists():
        raise ModelInvalid(
            f"there is no speech model at {path}", fix="set HOTLINE_MODEL to a Vosk model folder"
        )
    if not path.is_dir():
        raise ModelInvalid(f"{path} is a file, not a model folder", fix="unpack it and name the folder")
    missing = [" or ".join(names) for names in NEEDED if not any(_filled(path / name) for name in names)]
    if not missing:
        _check_endpointing(path)
        return
    inner = [folder for folder in path.iterdir() if (folder / "am" / "final.mdl").is_file()]
    fix = (
        f"did you mean {inner[0]}?"
        if inner
        else "unpack the model again, or choose another with HOTLINE_MODEL"
    )
    raise ModelInvalid(f"{path} is no complete Vosk model: {', '.join(missing)} missing or empty", fix=fix)


def check_whole(path: Path) -> None:
    """Compare every file with the model's checksums, where it has some; takes a second a gigabyte.

    Raises:
        ModelInvalid: names what is missing or altered.
    """
    _check_manifest(path, up_to_bytes=None)


def _check_manifest(path: Path, *, up_to_bytes: int | None) -> None:
    altered = altered_files(path, up_to_bytes=up_to_bytes)
    if altered:
        raise ModelInvalid(
            f"{path} is not as it was installed: {', '.join(altered)}",
            fix=f"install or unpack the model again; if the change was yours, remove {MANIFEST} in it",
        )


def _filled(file: Path) -> bool:
    return file.is_file() and file.stat().st_size > 0


def _check_endpointing(path: Path) -> None:
    """Vosk aborts at the first sound when the silence phones are missing or named twice."""
    phones = _options(path / "conf" / "model.conf").get("endpoint.silence-phones", "")
    numbers = phones.split(":") if phones else []
    if not numbers or len(set(numbers)) != len(numbers):
        fault = "repeats a phone" if numbers else "is empty"
        raise ModelInvalid(
            f"{path}/conf/model.conf: --endpoint.silence-phones {fault}",
            fix="list the model's silence phones once each, e.g. --endpoint.silence-phones=1:2:3:4:5",
        )


def _options(file: Path) -> dict[str, str]:
    """``--name=value`` lines of a Kaldi configuration file."""
    options: dict[str, str] = {}
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        match = re.match(r"\s*--([^=\s]+)\s*=\s*(\S+)", line.split("#", 1)[0])
        if match:
            options[match[1]] = match[2]
    return options


def _rate_hz(path: Path) -> int:
    for name in ("mfcc.conf", "fbank.conf"):
        file = path / "conf" / name
        if file.is_file():
            rate = _options(file).get("sample-frequency", "16000")
            break
    try:
        rate_hz = round(float(rate))
    except ValueError:
        rate_hz = 0
    if not 8000 <= rate_hz <= 48000:
        raise ModelInvalid(
            f"{file}: --sample-frequency={rate} is no sample rate of speech", fix="write 8000 or 16000"
        )
    return rate_hz


def _name(path: Path) -> str:
    """The name that a card gives, else the folder's."""
    card = path / "CARD.json"
    if card.is_file():
        try:
            content: Any = json.loads(card.read_text(encoding="utf-8"))
        except ValueError:
            content = None
        if isinstance(content, dict) and isinstance(content.get("name"), str):
            return str(content["name"])
    for name in ("CARD.md", "README.md", "README"):
        file = path / name
        if file.is_file():
            heading = re.match(
                r"#?\s*([\w.-]+)\s*$", file.read_text("utf-8", errors="replace").split("\n", 1)[0]
            )
            if heading:
                return heading[1]
    resolved = path.resolve()
    return resolved.parent.name if resolved.name == "model" else resolved.name


def _version(path: Path, files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        size = file.stat().st_size
        digest.update(f"{file.relative_to(path).as_posix()}\0{size}\0".encode())
        with file.open("rb") as content:
            if size <= WHOLE_HASH_BYTES:
                digest.update(content.read())
            else:
                digest.update(content.read(1 << 20))
                content.seek(-(1 << 20), os.SEEK_END)
                digest.update(content.read())
    return digest.hexdigest()[:12]
