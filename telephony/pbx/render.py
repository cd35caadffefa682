"""Asterisk's configuration, rendered from ours. Pure: files as text in, nothing written here.

Two forms of the same dialplan, endpoints, queues and manager users: a whole
configuration for the local PBX, and files to include in a PBX that is already there.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path, PurePosixPath

from config.hotline import Hotline
from config.secrets import Secrets
from config.settings import Settings
from telephony.pbx.templating import REQUIRED_MODULES, PbxSounds, environment, template_values
from telephony.pbx.values import PbxConfigInvalid

__all__ = ["PbxSounds", "render_include", "render_pbx"]

#: templates of the local PBX's whole configuration
_LOCAL = (
    "asterisk.conf",
    "modules.conf",
    "logger.conf",
    "rtp.conf",
    "pjsip.conf",
    "queues.conf",
    "musiconhold.conf",
    "extensions.conf",
    "manager.conf",
    "cdr.conf",
    "cdr_custom.conf",
    "cel.conf",
    "cel_custom.conf",
)

#: Asterisk wants these to be there; its defaults are right
_PLAIN = {
    "http.conf": "[general]\nenabled = no\n",
    "indications.conf": "[general]\ncountry = cn\n\n[cn]\ndescription = China\nringcadence = 1000,4000\n"
    "dial = 450\nbusy = 450/350,0/350\nring = 450/1000,0/4000\ncongestion = 450/700,0/700\n",
} | dict.fromkeys(
    (
        "acl.conf",
        "ccss.conf",
        "confbridge.conf",
        "cli_aliases.conf",
        "cli_permissions.conf",
        "dnsmgr.conf",
        "features.conf",
        "pjproject.conf",
        "queuerules.conf",
        "sorcery.conf",
        "stasis.conf",
        "udptl.conf",
    ),
    "; defaults\n",
)


def render_pbx(
    settings: Settings,
    hotline: Hotline,
    secrets: Secrets,
    sounds: PbxSounds | None = None,
    modules: Path | None = None,
) -> dict[str, str]:
    """The local PBX's configuration: file name in its ``etc`` folder to content.

    Args:
        sounds: what the dialplan plays itself; default: the names of the configured texts.
        modules: Asterisk's module folder when it is not the program's built-in one.

    Raises:
        PbxConfigInvalid: a value would mean something else in Asterisk's files.
    """
    values = template_values(settings, hotline, secrets, sounds, modules)
    templates = environment()
    files = {name: templates.get_template(f"{name}.j2").render(values) for name in _LOCAL}
    return files | _PLAIN


#: where a Debian or Ubuntu Asterisk keeps music
MUSIC_FOLDER = PurePosixPath("/var/lib/asterisk/moh/hotline")

#: file to write: template it is made of
_INCLUDE = {
    "extensions_hotline.conf": "extensions.body.j2",
    "pjsip_hotline.conf": "pjsip.body.j2",
    "queues_hotline.conf": "queues.body.j2",
    "musiconhold_hotline.conf": "musiconhold.body.j2",
    "manager_hotline.conf": "manager.body.j2",
    "cdr_custom_hotline.conf": "cdr_custom.body.j2",
    "cel_custom_hotline.conf": "cel_custom.body.j2",
    "README.md": "include_readme.md.j2",
}


def render_include(
    settings: Settings,
    hotline: Hotline,
    secrets: Secrets,
    sounds: PbxSounds | None = None,
    *,
    hotline_host: str = "127.0.0.1",
    hold_music: PurePosixPath = MUSIC_FOLDER,
) -> dict[str, str]:
    """File name to content; nothing of the PBX's own files is replaced. Holds secrets: keep it private.

    Args:
        hotline_host: address of the machine on which the hotline runs, as the PBX sees it.
        hold_music: where the administrator puts the two folders of music.

    Raises:
        PbxConfigInvalid: a value would mean something else in Asterisk's files.
    """
    try:
        ipaddress.IPv4Address(hotline_host)
    except ValueError:
        raise PbxConfigInvalid(
            f"{hotline_host!r} is not an IPv4 address",
            fix="give the address of the machine the hotline runs on",
        ) from None
    values = template_values(settings, hotline, secrets, sounds, None) | {
        "transport": "",
        "media_address": "",
        "hotline_host": hotline_host,
        "manager_peer": hotline_host,
        "hold_music": hold_music,
        "cdr_file": "hotline-cdr.csv",
        "cel_file": "hotline-cel.csv",
        "modules_needed": REQUIRED_MODULES,
    }
    templates = environment()
    return {name: templates.get_template(template).render(values) for name, template in _INCLUDE.items()}
