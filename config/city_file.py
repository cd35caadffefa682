"""One YAML file of the city's folder, or the built-in one where the city has none of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import ValidationError

from config.facts import Fact
from config.hotline import DEFAULTS, HotlineConfigInvalid
from config.strict_yaml import load_strict

F = TypeVar("F", bound=Fact)


def load_fact(kind: type[F], name: str, folder: Path | None = None) -> F:
    """Read and check the file.

    Raises:
        HotlineConfigInvalid: naming the file and every wrong place in it.
    """
    own = folder / name if folder else None
    path = own if own is not None and own.exists() else DEFAULTS / name
    try:
        return kind.model_validate(load_strict(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        raise HotlineConfigInvalid(f"{path} is not YAML: {' '.join(str(problem).split())}") from None
    except ValidationError as problems:
        lines = [f"{'.'.join(map(str, it['loc'])) or 'file'}: {it['msg']}" for it in problems.errors()]
        raise HotlineConfigInvalid(f"{path}: " + "; ".join(lines), fix="correct the named places") from None
