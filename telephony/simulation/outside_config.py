"""Configuration of the second Asterisk that plays the world outside. Pure: text out, nothing written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from config.hotline import Hotline
from config.secrets import Secrets
from config.settings import Settings
from telephony.pbx.program import AsteriskProgram
from telephony.pbx.values import safe

#: without one of these there is no telephone
_NEEDED = (
    "res_timing_timerfd",
    "res_sorcery_config",
    "res_sorcery_memory",
    "res_sorcery_astdb",
    "res_pjproject",
    "res_pjsip",
    "res_pjsip_session",
    "res_pjsip_sdp_rtp",
    "res_pjsip_caller_id",
    "res_pjsip_endpoint_identifier_user",
    "res_pjsip_endpoint_identifier_ip",
    "res_pjsip_outbound_authenticator_digest",
    "res_pjsip_outbound_registration",
    "res_rtp_asterisk",
    "chan_pjsip",
    "bridge_simple",
    "codec_alaw",
    "format_wav",
    "format_pcm",
    "app_playback",
    "app_senddtmf",
    "app_userevent",
    "func_strings",
    "func_logic",
    "pbx_config",
)
_USEFUL = ("res_pjsip_pubsub", "res_pjsip_rfc3326", "res_pjsip_nat", "codec_ulaw", "codec_resample")

#: what the controller reads of this Asterisk
_HEARD = (
    "FullyBooted",
    "OriginateResponse",
    "UserEvent",
    "HangupRequest",
    "SoftHangupRequest",
    "Hangup",
    "Newchannel",
)

_TEMPLATES = (
    "asterisk.conf",
    "modules.conf",
    "pjsip.conf",
    "extensions.conf",
    "manager.conf",
    "rtp.conf",
    "logger.conf",
)
_PLAIN = {
    "http.conf": "[general]\nenabled = no\n",
    "cdr.conf": "[general]\nenable = no\n",
    "cel.conf": "[general]\nenable = no\n",
} | dict.fromkeys(
    (
        "acl.conf",
        "ccss.conf",
        "cli_aliases.conf",
        "cli_permissions.conf",
        "dnsmgr.conf",
        "features.conf",
        "indications.conf",
        "pjproject.conf",
        "sorcery.conf",
        "stasis.conf",
        "udptl.conf",
    ),
    "; defaults\n",
)


@dataclass(frozen=True, slots=True)
class OutsidePaths:
    """Where the world outside keeps what."""

    root: Path
    run: Path
    output: Path

    @classmethod
    def of(cls, settings: Settings) -> OutsidePaths:
        """The outside world of this installation."""
        home = settings.home.absolute()
        return cls(home / "outside", home / "outside" / "run", home / "log" / "outside.log")

    @property
    def etc(self) -> Path:
        return self.root / "etc"

    @property
    def config(self) -> Path:
        return self.etc / "asterisk.conf"

    @property
    def speech(self) -> Path:
        """Rendered dialogues."""
        return self.root / "speech"

    @property
    def diary(self) -> Path:
        """The people's diaries, JSON lines."""
        return self.root / "diary.jsonl"

    @property
    def control(self) -> Path:
        return self.run / "asterisk.ctl"

    def folders(self) -> tuple[Path, ...]:
        """Every folder that must be there before the start."""
        names = ("etc", "state", "spool", "log", "speech")
        return (self.run, self.output.parent, *(self.root / name for name in names))


def render_outside(
    settings: Settings, hotline: Hotline, secrets: Secrets, program: AsteriskProgram
) -> dict[str, str]:
    """File name in the ``etc`` folder to content."""
    paths = OutsidePaths.of(settings)
    values = {
        "root": paths.root,
        "run": paths.run,
        "modules": program.modules,
        # older versions do not know the option, and wait up to 10 s
        "registers_at_once": program.version.major >= 22,
        "sip_port": settings.outside_sip_port,
        "hotline_sip_port": settings.sip_port,
        "ami_port": settings.outside_ami_port,
        "ami_secret": secrets.outside_ami,
        "rtp_first": settings.outside_rtp_first,
        "rtp_last": settings.outside_rtp_last,
        "agents": hotline.agents,
        "passwords": {agent.id: secrets.sip_password(agent.id) for agent in hotline.agents},
        "needed": _NEEDED,
        "useful": _USEFUL,
        "heard": _HEARD,
    }
    environment = Environment(
        loader=PackageLoader("telephony.simulation"),
        undefined=StrictUndefined,
        finalize=safe,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # not HTML; values pass the gateway
    )
    files = {name: environment.get_template(f"{name}.j2").render(values) for name in _TEMPLATES}
    return files | _PLAIN
