"""What the templates of Asterisk's configuration are given, and how each value is checked on its way in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from config.hotline import Hotline
from config.secrets import Secrets
from config.settings import Settings
from config.work import OFF, PAUSE, READY, SIGN_IN, SIGN_OUT, WRAP_UP, WRAPPING_UP
from facts.prompts import prompt_name
from telephony.pbx.paths import CDR_FIELDS, CEL_FIELDS, PbxPaths
from telephony.pbx.values import PbxConfigInvalid, safe, trunk_host

#: section names that are ours or Asterisk's own
RESERVED_AGENTS = frozenset({"global", "system", "hotline-trunk", "hotline-udp", "acl"})
RESERVED_QUEUES = frozenset({"general", *"aehiost"})

#: QUEUE_PRIO = base − (arrival − epoch) + boost: whoever arrived first is first, within one priority
_PLACE_BASE, _PLACE_EPOCH = 1_000_000_000, 1_700_000_000
_BOOSTS = {"raised": 50_000_000, "urgent": 100_000_000}
#: offers with music in one round of a class that begins with how many are ahead: about 20 min
_OFFERS_UNTIL_AGAIN = 40

#: without one of these Asterisk does not start (the log names it)
REQUIRED_MODULES = (
    "res_timing_timerfd",
    "res_sorcery_config",
    "res_sorcery_memory",
    "res_sorcery_astdb",
    "res_pjproject",
    "res_pjsip",
    "res_pjsip_session",
    "res_pjsip_pubsub",
    "res_pjsip_sdp_rtp",
    "res_pjsip_registrar",
    "res_pjsip_authenticator_digest",
    "res_pjsip_endpoint_identifier_user",
    "res_pjsip_endpoint_identifier_ip",
    "res_pjsip_caller_id",
    "res_rtp_asterisk",
    "chan_pjsip",
    "bridge_simple",
    "bridge_softmix",
    "bridge_holding",
    "codec_alaw",
    "codec_ulaw",
    "format_wav",
    "format_pcm",
    "format_sln",
    "res_musiconhold",
    "res_speech",
    "res_agi",
    "app_stack",
    "app_playback",
    "app_mixmonitor",
    "app_queue",
    "app_dial",
    "app_exec",
    "app_originate",
    "app_userevent",
    "app_celgenuserevent",
    "app_chanspy",
    "app_confbridge",
    "app_channelredirect",
    "chan_audiosocket",
    "res_audiosocket",
    "func_callerid",
    "func_channel",
    "func_logic",
    "func_groupcount",
    "func_global",
    "func_strings",
    "func_cdr",
    "func_env",
    "cdr_custom",
    "cel_custom",
    "pbx_config",
)

#: helpful where the version has them
USEFUL_MODULES = (
    "res_cdrel_custom",
    "res_pjsip_acl",
    "res_pjsip_nat",
    "res_pjsip_rfc3326",
    "res_pjsip_diversion",
    "res_pjsip_refer",
    "res_pjsip_logger",
    "res_security_log",
    "res_clioriginate",
    "codec_resample",
    "bridge_builtin_features",
    "app_audiosocket",
    "app_dtmfstore",
    "app_senddtmf",
    "app_controlplayback",
    "app_verbose",
    "func_dialplan",
    "func_timeout",
    "func_hangupcause",
)

#: events of the reader's classes that nothing of ours reads
NOISE = (
    "RTCPSent",
    "RTCPReceived",
    "TestEvent",
    "VarSet",
    "Newexten",
    "MusicOnHoldStart",
    "MusicOnHoldStop",
    "DTMFBegin",
    "DTMFEnd",
    "ContactStatus",
    "ContactStatusDetail",
    "ChallengeSent",
    "SuccessfulAuth",
)

_CDR = {
    "start": "CDR(start,u)",
    "answer": "CDR(answer,u)",
    "end": "CDR(end,u)",
    "did": "CDR(userfield)",
}
_CEL = {
    "eventtype": "eventtype",
    "eventtime": "eventtime",
    "uniqueid": "CHANNEL(uniqueid)",
    "linkedid": "CHANNEL(linkedid)",
    "channel": "CHANNEL(channame)",
    "caller": "CALLERID(num)",
    "exten": "CHANNEL(exten)",
    "context": "CHANNEL(context)",
    "app": "CHANNEL(appname)",
    "appdata": "CHANNEL(appdata)",
    "peer": "BRIDGEPEER",
    "userdeftype": "userdeftype",
    "extra": "eventextra",
}


@dataclass(frozen=True, slots=True)
class PbxSounds:
    """Sound names that the dialplan itself plays, so that they do not depend on us."""

    notice: str
    #: empty: nothing is said before the hang-up; so with all that follow
    sorry: str
    callback_agent: str = ""
    callback_greeting: str = ""
    callback_unreached: str = ""
    follow_up_notice: str = ""

    @classmethod
    def of(cls, hotline: Hotline) -> PbxSounds:
        """The names of the configured texts."""
        texts = (
            hotline.sorry,
            hotline.callback.agent_notice,
            hotline.callback.greeting,
            hotline.callback.unreached,
            hotline.follow_up.notice,
        )
        return cls(prompt_name(hotline.notice), *(prompt_name(text) if text else "" for text in texts))


def _mapping(expressions: Mapping[str, str], fields: tuple[str, ...], default: str) -> str:
    cells = (expressions.get(name, default.format(name=name)) for name in fields)
    return ",".join(f"${{CSV_QUOTE(${{{cell}}})}}" for cell in cells)


def _finalize(value: object) -> object:
    """Every substituted value passes here; our own constants are marked by ``_Ours``."""
    return value if isinstance(value, _Ours) else safe(value)


class _Ours(str):
    """Text that the renderer made itself; goes into a file as it is."""

    __slots__ = ()


#: a variable or a function of one, as the dialplan reads it
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\([A-Za-z0-9_]+\))?\Z")


def _var(name: str) -> _Ours:
    """The dialplan's own value, expanded by Asterisk when the call comes there."""
    if not _VARIABLE.match(name):
        raise ValueError(f"{name!r} is no variable of the dialplan")
    return _Ours(f"${{{name}}}")


def _tell(event: str, **fields: object) -> _Ours:
    """Two applications that say the same: to who listens now, and to who reads the PBX's records later."""
    said = ",".join([event, *(f"{name}: {_finalize(value)}" for name, value in fields.items())])
    return _Ours(f"UserEvent({said})\n same => n,CELGenUserEvent({said})")


@cache
def environment() -> Environment:
    """Templates in which every substituted value is checked."""
    made = Environment(
        loader=PackageLoader("telephony.pbx"),
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # not HTML; values pass _finalize
    )
    made.globals.update(tell=_tell, var=_var)
    return made


def _check_names(hotline: Hotline) -> None:
    problems = [f"agent {it.id}" for it in hotline.people if it.id in RESERVED_AGENTS]
    problems += [f"queue {it.id}" for it in hotline.queues if it.id in RESERVED_QUEUES]
    if problems:
        raise PbxConfigInvalid(
            f"these names mean something else to Asterisk: {', '.join(problems)}",
            fix="rename them in hotline.yaml",
        )


def _trunk_address(settings: Settings, hotline: Hotline) -> str:
    """Where calls go out: the carrier, or the simulated outside world of this machine."""
    address = trunk_host(hotline.trunk.address or hotline.trunk_hosts[0])
    if "/" in address and hotline.trunk.address is None:
        raise PbxConfigInvalid(
            f"trunk_hosts: {address} is a network, so nobody knows where calls go out",
            fix="set trunk: {address: HOST or HOST:PORT} in hotline.yaml",
        )
    if settings.local_pbx and address in ("127.0.0.1", "localhost"):
        return _Ours(f"{address}:{settings.outside_sip_port}")
    return _Ours(f"[{address}]" if address.count(":") > 1 else address)


def _sound_file(text: str) -> str:
    """Base name of a text's file in a folder of music."""
    return prompt_name(text).rpartition("/")[2] if text else ""


def _journey_values(settings: Settings, hotline: Hotline) -> dict[str, object]:
    """What the dialplan knows of waiting, emergencies and calls that the hotline makes."""
    return {
        "patience": {
            queue.id: queue.overflow_after_s
            if queue.overflow and queue.overflow_after_s
            else queue.max_wait_s
            for queue in hotline.queues
        },
        "offers": {
            queue.id: [_sound_file(text) for text in hotline.waiting_texts(queue)] for queue in hotline.queues
        },
        "offers_until_again": _OFFERS_UNTIL_AGAIN,
        "ahead": [_sound_file(text) for text in hotline.ahead],
        "most_ahead": len(hotline.ahead) - 1,
        "boosts": _BOOSTS,
        "place_base": _PLACE_BASE,
        "place_epoch": _PLACE_EPOCH,
        "survey": hotline.survey or "",
        "emergency": hotline.emergency,
        "emergency_ring_s": 20,
        "trunk_endpoint": hotline.trunk.endpoint,
        "trunk_address": _trunk_address(settings, hotline),
        "caller_id": hotline.caller_id,
        "callback_ring_s": hotline.callback.ring_s,
        "follow_up_ring_s": hotline.follow_up.ring_s,
        "follow_up_flow": hotline.follow_up.flow,
    }


def _work_values(hotline: Hotline) -> dict[str, object]:
    """What the dialplan and the queues know of agents at work."""
    work = hotline.work
    sounds = {name: prompt_name(text) if text else "" for name, text in work.spoken_back}
    return {
        "feature_codes": {
            _Ours(SIGN_IN): "sign-in",
            _Ours(SIGN_OUT): "sign-out",
            _Ours(READY): "ready",
            _Ours(WRAP_UP): "wrap-up",
        },
        "pause_code": _Ours(PAUSE),
        "pauses": work.pauses,
        "reason_off": OFF,
        "reason_wrap_up": WRAPPING_UP,
        "spoken_back": sounds,
        "warnings": {kind: prompt_name(text) if text else "" for kind, text in work.warnings},
        "third_ring_s": work.ring_s,
        "members_by_telephone": work.sign_in == "phone",
        "penalties": {
            (agent.id, queue.id): hotline.penalty(agent, queue)
            for agent in hotline.agents
            for queue in hotline.queues
            if queue.id in agent.queues
        },
    }


def template_values(
    settings: Settings, hotline: Hotline, secrets: Secrets, sounds: PbxSounds | None, modules: Path | None
) -> dict[str, object]:
    """What the templates may use, for the local PBX.

    Raises:
        PbxConfigInvalid: a name or an address is not fit.
    """
    _check_names(hotline)
    loopback = settings.bind_host in ("127.0.0.1", "localhost")
    anywhere = settings.bind_host in ("0.0.0.0", "::")
    return (
        {
            "paths": PbxPaths.of(settings),
            "modules": modules,
            "pbx_id": settings.pbx_id,
            "bind_host": settings.bind_host,
            "sip_port": settings.sip_port,
            "rtp_first": settings.rtp_first,
            "rtp_last": settings.rtp_last,
            "ami_port": settings.ami_port,
            "hotline_host": settings.own_host,
            "manager_peer": "127.0.0.1",
            "agi_port": settings.agi_port,
            "media_address": "127.0.0.1" if loopback else "" if anywhere else settings.bind_host,
            "transport": "hotline-udp",
            "trunk_hosts": tuple(trunk_host(host) for host in hotline.trunk_hosts),
            "lines": hotline.lines,
            "queues": hotline.queues,
            "agents": hotline.agents,
            "doors": {queue.id: f"q{number}" for number, queue in enumerate(hotline.queues, 1)},
            "people": hotline.people,
            "passwords": {it.id: secrets.sip_password(it.id) for it in hotline.people},
            "secrets": secrets,
            "sounds": sounds or PbxSounds.of(hotline),
            "hold_music": PbxPaths.of(settings).hold_music,
            "required": REQUIRED_MODULES,
            "useful": USEFUL_MODULES,
            "noise": NOISE,
            "cdr_file": PbxPaths.of(settings).cdr.name,
            "cel_file": PbxPaths.of(settings).cel.name,
            "cdr_fields": _Ours(",".join(CDR_FIELDS)),
            "cel_fields": _Ours(",".join(CEL_FIELDS)),
            "cdr_mapping": _Ours(_mapping(_CDR, CDR_FIELDS, "CDR({name})")),
            "cel_mapping": _Ours(_mapping(_CEL, CEL_FIELDS, "{name}")),
            "internal_ring_s": 20,
            "shortest_notice_ms": 500,
        }
        | _journey_values(settings, hotline)
        | _work_values(hotline)
    )
