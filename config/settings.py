"""Settings of one installation: where it lives, its ports, its database.

Values come from the environment (``HOTLINE_…``) and from ``HOME/hotline.env``; the
defaults run everything on one machine, on loopback.
"""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from facts.errors import HotlineError

Port = Annotated[int, Field(ge=1, le=65535)]
#: systemname of a PBX: calls are named by it, and files
PBX_ID = r"^[a-z][a-z0-9-]{0,30}$"
#: listening addresses that are every address of the machine
ANYWHERE = frozenset({"0.0.0.0", "::"})


def checked_networks(peers: tuple[str, ...]) -> tuple[str, ...]:
    """The same addresses and networks; raises ``ValueError`` naming the one that is none."""
    for peer in peers:
        try:
            ipaddress.ip_network(peer)
        except ValueError:
            raise ValueError(f"{peer!r} is no IP address or network (10.1.2.3, 10.1.0.0/16)") from None
    return peers


class SettingsInvalid(HotlineError):
    """Some settings are wrong."""

    error_id = "settings-invalid"


def default_home() -> Path:
    """``var`` beside the source of a checkout, else the user's data folder.

    The folder does not depend on where a command is typed, so that every command
    of an installation speaks of the same calls.
    """
    checkout = Path(__file__).resolve().parent.parent
    if (checkout / "pyproject.toml").is_file():
        return checkout / "var"
    data = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(data) / "hotline"


class Settings(BaseSettings):
    """One installation. Ports are of 127.0.0.1 unless ``bind_host`` says otherwise."""

    model_config = SettingsConfigDict(env_prefix="HOTLINE_", extra="ignore", frozen=True)

    home: Path = Field(default_factory=default_home, description="data, logs, recordings, secrets")
    bind_host: str = "127.0.0.1"
    telephony_host: str | None = Field(
        None, description="where FastAGI and AudioSocket listen for PBXs; default: bind_host"
    )
    advertise_host: str | None = Field(
        None, description="our address as PBXs on other machines dial it; default: telephony_host"
    )

    local_pbx: bool = Field(True, description="false: follow the PBX that is at ami_host already")
    pbx_id: str = Field("city", pattern=PBX_ID, description="systemname of the PBX")
    asterisk: Path | None = Field(None, description="asterisk program; default: PATH, then HOME/asterisk")
    sip_port: Port = 5060
    rtp_first: Port = 10000
    rtp_last: Port = 10400
    ami_host: str = "127.0.0.1"
    ami_port: Port = 5038
    agi_port: Port = 4573
    agi_peers: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="addresses or networks that may use FastAGI, by comma; default: ami_host"
    )
    recordings_folder: Path | None = Field(
        None, description="where an existing PBX's recordings are seen here; default: HOME/pbx/spool/monitor"
    )
    cel_file: Path | None = Field(
        None, description="where an existing PBX's CEL is seen here; default: what its agent ships"
    )
    queue_log_file: Path | None = Field(None, description="the same of its queue_log")
    receiver_port: Port | None = Field(
        None, description="HTTPS for agents beside remote PBXs; default: none is listened on"
    )
    ship_to: str | None = Field(None, description="pbx-agent: the receiver's address, https://host:port")
    ship_token_file: Path | None = Field(None, description="pbx-agent: file with this PBX's token")
    ship_authority: Path | None = Field(
        None, description="pbx-agent: the receiver's certificate; default: the system's authorities"
    )
    audiosocket_port: Port = 9092
    web_port: Port = 8012

    outside_sip_port: Port = Field(5070, description="SIP of the simulated outside world")
    outside_ami_port: Port = 5039
    outside_rtp_first: Port = 20000
    outside_rtp_last: Port = 20800

    database_url: str | None = Field(None, description="postgresql://…; default: the embedded server")

    model: Path | None = Field(None, description="Vosk model folder; default: the demo model")
    second_pass_model: Path | None = Field(None, description="Vosk model for recordings; default: model")
    stereo_legs: Literal["caller-agent", "agent-caller", "mono"] = Field(
        "caller-agent", description="whose voices the two channels of a recording from elsewhere carry"
    )
    doubt_below: float = Field(
        0.85, ge=0, le=1, description="words of a transcript with less confidence are marked as doubtful"
    )
    drafting_model: Path | None = Field(
        None, description="what hotline drafting train wrote; default: rules alone"
    )
    second_opinion_url: str | None = Field(
        None,
        pattern=r"^https?://",
        description="OpenAI-compatible endpoint in your own house, such as http://10.0.0.5/v1; default: off",
    )
    second_opinion_model: str = Field("deepseek", description="the model's name at that endpoint")
    second_opinion_timeout_s: float = Field(5.0, gt=0, le=60)
    second_opinion_key: SecretStr | None = Field(None, description="key for that endpoint, if it wants one")
    live_streams: int | None = Field(None, ge=1, description="streams heard live at once; default: measured")

    hotline_config: Path | None = Field(None, description="folder with the city's YAML; default: built in")
    flows: Path | None = Field(None, description="folder with flow files; default: built in")
    flows_processes: int = Field(2, ge=1, le=64, description="processes that lead callers through flows")

    audit_heads: Path | None = Field(
        None, description="folder on another machine that gets the audit log's head each day"
    )

    seal_after_s: float = Field(
        900.0, ge=0, description="recordings are sealed when nobody needs the file and so long have gone by"
    )

    t_short_s: float = Field(5.0, ge=0, description="abandoned sooner than this is flagged short")
    target_percent: float = Field(98.0, gt=0, le=100)

    @field_validator("agi_peers", mode="before")
    @classmethod
    def _by_comma(cls, given: object) -> object:
        if isinstance(given, str):
            return tuple(part.strip() for part in given.split(",") if part.strip())
        return given

    @field_validator("agi_peers")
    @classmethod
    def _networks(cls, peers: tuple[str, ...]) -> tuple[str, ...]:
        return checked_networks(peers)

    @field_validator("recordings_folder")
    @classmethod
    def _of_an_existing_pbx(cls, folder: Path | None, info: ValidationInfo) -> Path | None:
        if folder is not None and info.data.get("local_pbx"):
            raise ValueError("the local PBX records into HOME/pbx: set it with HOTLINE_LOCAL_PBX=false only")
        return folder

    @property
    def listen_host(self) -> str:
        """Where FastAGI and AudioSocket listen."""
        return self.telephony_host or self.bind_host

    @property
    def own_host(self) -> str:
        """The address of our telephony ports as this machine itself dials it."""
        return "127.0.0.1" if self.listen_host in ANYWHERE else self.listen_host

    @property
    def run(self) -> Path:
        """Sockets and process ids. Short enough for a UNIX socket's 107 bytes."""
        return self.home / "run"

    @property
    def logs(self) -> Path:
        return self.home / "log"

    @property
    def pbx_root(self) -> Path:
        """Configuration, spool and logs of the local PBX."""
        return self.home / "pbx"

    @property
    def recordings(self) -> Path:
        """Where MixMonitor writes."""
        return self.recordings_folder or self.pbx_root / "spool" / "monitor"

    @property
    def sounds(self) -> Path:
        """Rendered prompts."""
        return self.pbx_root / "sounds"

    @property
    def studio(self) -> Path:
        """Studio recordings of prompts, each by its prompt's name."""
        return self.home / "studio"

    @property
    def flow_folder(self) -> Path:
        """Flow files, read anew when they change."""
        return self.flows or Path(__file__).parent / "defaults" / "flows"

    @property
    def live_socket(self) -> Path:
        """Live words: the speech role writes, the web reads."""
        return self.run / "live.sock"

    @property
    def tap_socket(self) -> Path:
        """Tap requests: telephony asks, the speech role answers by listening."""
        return self.run / "taps.sock"

    @property
    def models(self) -> Path:
        """Speech models that were fetched."""
        return self.home / "models"

    @property
    def spool(self) -> Path:
        """AMI events kept while the database is away."""
        return self.home / "spool"

    def make_folders(self) -> None:
        """Create the installation's folders; secrets and sockets are for the owner alone."""
        for folder in (self.home, self.run, self.logs, self.spool):
            folder.mkdir(parents=True, exist_ok=True)
        self.home.chmod(0o700)
        self.run.chmod(0o700)


def load_settings(**overrides: object) -> Settings:
    """Read the settings; every problem is listed at once with the variable that mends it.

    Raises:
        SettingsInvalid: with one line a problem.
    """
    home = Path(str(overrides.get("home") or os.environ.get("HOTLINE_HOME") or default_home()))
    try:
        return Settings(_env_file=home / "hotline.env", **overrides)  # type: ignore[call-arg,arg-type]
    except ValidationError as problems:
        lines = [
            f"HOTLINE_{'_'.join(map(str, problem['loc'])).upper()}: {problem['msg']}"
            for problem in problems.errors()
        ]
        raise SettingsInvalid(
            "; ".join(lines), fix=f"correct them in the environment or in {home}/hotline.env"
        ) from None
