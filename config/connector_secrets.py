"""Secrets of connectors: kept by name in a file of their own (0600), never in the YAML that names them."""

from __future__ import annotations

import json
import re
import secrets as random
from collections.abc import Mapping
from pathlib import Path

from config.secrets import SecretFileInvalid, write_secret_file
from facts.errors import HotlineError

FILE = "connector-secrets.json"
_NAME = re.compile(r"^[a-z][a-z0-9_]{0,40}$")


class ConnectorSecretRefused(HotlineError):
    """This cannot be a connector's secret."""

    error_id = "connector-secret-refused"


def load_connector_secrets(home: Path) -> Mapping[str, str]:
    """All of them, by name.

    Raises:
        SecretFileInvalid: the file is there, and is damaged or readable by others.
    """
    path = home / FILE
    if not path.exists():
        return {}
    if path.stat().st_mode & 0o077:
        raise SecretFileInvalid(f"{path} is readable by others", fix=f"chmod 600 {path}")
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(kept, dict) or not all(isinstance(it, str) for it in kept.values()):
            raise ValueError
    except ValueError:
        raise SecretFileInvalid(f"{path} is damaged", fix="set the secrets anew") from None
    return kept


def keep_connector_secret(home: Path, name: str, value: str) -> None:
    """Set one. Raises ``ConnectorSecretRefused`` when the name or the value cannot be one."""
    if not _NAME.match(name):
        raise ConnectorSecretRefused(f"{name!r} is no name", fix="small letters, digits and _")
    if len(value) < 8 or not value.isprintable():
        raise ConnectorSecretRefused(
            "a secret has at least 8 printable characters", fix="--make makes a good one"
        )
    write_secret_file(home / FILE, {**load_connector_secrets(home), name: value})


def made_secret() -> str:
    """A new one."""
    return random.token_urlsafe(32)
