"""Secrets of an installation: made once, at installation, readable by their owner alone."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets as random
from dataclasses import asdict, dataclass, field
from pathlib import Path


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

    def sip_password(self, agent: str) -> str:
        """Password of an agent's SIP endpoint."""

        return hmac.new(self.sip.encode(), agent.encode(), hashlib.sha256).hexdigest()[:32]


def load_or_make_secrets(home: Path) -> Secrets:
    """Read ``HOME/secrets.json``; make it (mode 0600) when there is none or a secret is missing from it."""
    path = home / "secrets.json"
    kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    found = Secrets(**{name: value for name, value in kept.items() if name in Secrets.__dataclass_fields__})
    if asdict(found) != kept:
        home.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            json.dump(asdict(found), out, indent=1)
            out.flush()
            os.fsync(out.fileno())
        part.replace(path)
    return found
