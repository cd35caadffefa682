"""Secrets of an installation: made once, at installation, readable by their owner alone."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets as random
from dataclasses import asdict, dataclass, field
from pathlib import Path

from config.sites import PbxSite
from facts.errors import HotlineError


class SecretFileInvalid(HotlineError):
    """A file with passwords cannot be used."""

    error_id = "secret-file-invalid"


def _token() -> str:
    return random.token_urlsafe(24)


@dataclass(frozen=True, slots=True)
class Secrets:
    """All shared secrets of one installation. Never logged, never in a default."""

    ami_reader: str = field(default_factory=_token, repr=False)
    ami_originator: str = field(default_factory=_token, repr=False)
    #: the AMI user of the simulated outside world
    outside_ami: str = field(default_factory=_token, repr=False)
    #: signs session cookies and CSRF tokens
    web_session: str = field(default_factory=_token, repr=False)
    #: SIP passwords are derived from this one and the agent's id
    sip: str = field(default_factory=_token, repr=False)

    #: tokens of the agents beside remote PBXs are derived from this one and the PBX's id
    ship: str = field(default_factory=_token, repr=False)
    #: wraps the keys of persons and tickets; without it what they sealed cannot be read any more
    vault: str = field(default_factory=_token, repr=False)

    #: signs alerts that are told by webhook; its receiver must know it
    alerts: str = field(default_factory=_token, repr=False)

    def ship_token(self, pbx_id: str) -> str:
        """What the agent beside this PBX shows to our receiver."""

        return hmac.new(self.ship.encode(), f"ship {pbx_id}".encode(), hashlib.sha256).hexdigest()

    def sip_password(self, agent: str) -> str:
        """Password of an agent's SIP endpoint."""

        return hmac.new(self.sip.encode(), agent.encode(), hashlib.sha256).hexdigest()[:32]


def load_or_make_secrets(home: Path) -> Secrets:
    """Read ``HOME/secrets.json``; make it (mode 0600) when there is none or a secret is missing from it.

    Raises:
        SecretFileInvalid: it is there, and is not what we wrote.
    """
    path = home / "secrets.json"
    try:
        kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if not all(isinstance(value, str) for value in kept.values()):
            raise ValueError
    except (ValueError, AttributeError):
        raise SecretFileInvalid(
            f"{path} is damaged", fix="restore it from a backup, or remove it: all passwords are made anew"
        ) from None
    found = Secrets(**{name: value for name, value in kept.items() if name in Secrets.__dataclass_fields__})
    if asdict(found) != kept:
        write_secret_file(path, asdict(found))
    return found


def write_secret_file(path: Path, content: dict[str, str]) -> None:
    """Write it whole or not at all, for its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        json.dump(content, out, indent=1)
        out.flush()
        os.fsync(out.fileno())
    part.replace(path)


@dataclass(frozen=True, slots=True)
class AmiSecrets:
    """Passwords of one PBX's two AMI users."""

    ami_reader: str = field(repr=False)
    ami_originator: str = field(repr=False)


def ami_secrets(site: PbxSite, secrets: Secrets) -> AmiSecrets:
    """The passwords of a PBX: the installation's own for the first one, else those of its file.

    Raises:
        SecretFileInvalid: the file is missing, not ours to read, or lacks a password.
    """
    path = site.secret_file
    if path is None:
        return AmiSecrets(secrets.ami_reader, secrets.ami_originator)
    fix = f"hotline pbx render --pbx {site.id} --out DIR makes it"
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        found = AmiSecrets(kept["ami_reader"], kept["ami_originator"])
    except OSError as problem:
        raise SecretFileInvalid(f"pbxs {site.id}: {path}: {problem.strerror}", fix=fix) from None
    except (ValueError, KeyError, TypeError):
        raise SecretFileInvalid(
            f"pbxs {site.id}: {path} does not hold ami_reader and ami_originator", fix=fix
        ) from None
    if path.stat().st_mode & 0o077:
        raise SecretFileInvalid(f"pbxs {site.id}: {path} is readable by others", fix=f"chmod 600 {path}")
    return found


def make_ami_secrets(site: PbxSite, secrets: Secrets) -> AmiSecrets:
    """The same; a further PBX's file (mode 0600) is made when there is none.

    Raises:
        SecretFileInvalid: there is one and it cannot be used.
    """
    if site.secret_file is not None and not site.secret_file.exists():
        write_secret_file(site.secret_file, asdict(AmiSecrets(_token(), _token())))
    return ami_secrets(site, secrets)
