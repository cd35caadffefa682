"""The PBXs that are followed, one frozen view each: where it is, how it reaches us, where it records."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from config.hotline import FurtherPbx, Hotline, HotlineConfigInvalid
from config.settings import Settings
from facts.errors import HotlineError

_LOOPBACK = ("127.0.0.0/8", "::1")


class PbxUnknown(HotlineError):
    """No PBX of this name is configured."""

    error_id = "pbx-unknown"


@dataclass(frozen=True, slots=True)
class PbxSite:
    """One PBX as its telephony role sees it. Its secrets are not here: ``config.secrets.ami_secrets``."""

    #: systemname: Uniqueids begin with it
    id: str
    #: whether it is the Asterisk of this installation, which we write, start and stop
    local: bool
    ami_host: str
    ami_port: int
    #: where our FastAGI for it listens, and who may use it
    listen_host: str
    agi_port: int
    agi_peers: tuple[str, ...]
    #: our address as the PBX dials it, for FastAGI and AudioSocket
    hotline_host: str
    audiosocket_port: int
    #: its recordings as they are seen here
    recordings: Path
    #: passwords of its AMI users; None: the installation's own
    secret_file: Path | None = None
    #: its own records as they are seen here; None: what the agent beside it ships
    cel_file: Path | None = None
    queue_log_file: Path | None = None


def pbx_sites(settings: Settings, hotline: Hotline) -> tuple[PbxSite, ...]:
    """The PBX of the settings, then those of ``hotline.yaml``.

    Raises:
        HotlineConfigInvalid: two share a name, a port or a PBX, or nobody could use a FastAGI port.
    """
    problems: list[str] = []
    sites = [_first(settings, problems), *(_further(it, settings, problems) for it in hotline.pbxs)]
    first = sites[0]
    taken = {
        first.agi_port: "HOTLINE_AGI_PORT",
        settings.audiosocket_port: "HOTLINE_AUDIOSOCKET_PORT",
        settings.web_port: "HOTLINE_WEB_PORT",
    }
    for pbx in hotline.pbxs:
        if pbx.id == first.id:
            problems.append(f"pbxs: {pbx.id} is the first PBX's name (HOTLINE_PBX_ID)")
        if (pbx.ami_host, pbx.ami_port) == (first.ami_host, first.ami_port):
            problems.append(f"pbxs: {pbx.id} is the first PBX (HOTLINE_AMI_HOST, HOTLINE_AMI_PORT)")
        if pbx.agi_port in taken:
            problems.append(f"pbxs: {pbx.id}: agi_port {pbx.agi_port} is {taken[pbx.agi_port]}")
    if problems:
        raise HotlineConfigInvalid("; ".join(problems), fix="correct pbxs in hotline.yaml or the settings")
    return tuple(sites)


def site_of(sites: tuple[PbxSite, ...], pbx_id: str | None) -> PbxSite:
    """The site of this PBX; the first one for None.

    Raises:
        PbxUnknown: naming those that are configured.
    """
    for site in sites:
        if pbx_id in (None, site.id):
            return site
    known = ", ".join(site.id for site in sites)
    raise PbxUnknown(
        f"no PBX {pbx_id!r} is configured", fix=f"one of {known}, or add it to pbxs in hotline.yaml"
    )


def _first(settings: Settings, problems: list[str]) -> PbxSite:
    if settings.local_pbx:
        host, peers = settings.own_host, (*settings.agi_peers, *_LOOPBACK, *_literal(settings.own_host))
    else:
        host = settings.advertise_host or settings.own_host
        peers = settings.agi_peers or _peers(settings.ami_host, "set HOTLINE_AGI_PEERS", problems)
    return PbxSite(
        settings.pbx_id,
        settings.local_pbx,
        settings.ami_host,
        settings.ami_port,
        settings.listen_host,
        settings.agi_port,
        peers,
        host,
        settings.audiosocket_port,
        settings.recordings,
        cel_file=settings.cel_file,
        queue_log_file=settings.queue_log_file,
    )


def _further(pbx: FurtherPbx, settings: Settings, problems: list[str]) -> PbxSite:
    return PbxSite(
        pbx.id,
        False,
        pbx.ami_host,
        pbx.ami_port,
        settings.listen_host,
        pbx.agi_port,
        pbx.agi_peers or _peers(pbx.ami_host, f"give pbxs {pbx.id} its agi_peers", problems),
        pbx.hotline_host or settings.advertise_host or settings.own_host,
        settings.audiosocket_port,
        pbx.recordings,
        pbx.secret_file,
        pbx.cel_file,
        pbx.queue_log_file,
    )


def _peers(ami_host: str, fix: str, problems: list[str]) -> tuple[str, ...]:
    """Who may use the FastAGI port when nobody said: the PBX's own address."""
    if ami_host == "localhost":
        return _LOOPBACK
    address = _literal(ami_host)
    if not address:
        problems.append(f"{ami_host} is a name, so FastAGI does not know whom to let in: {fix}")
    return _LOOPBACK if address and ipaddress.ip_address(ami_host).is_loopback else address


def _literal(host: str) -> tuple[str, ...]:
    """The host when it is an address and no name."""
    try:
        return (str(ipaddress.ip_address(host)),)
    except ValueError:
        return ()
