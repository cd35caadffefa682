"""Files that an administrator includes in a PBX that is already there. Pure."""

from __future__ import annotations

import ipaddress
from pathlib import PurePosixPath

from config.hotline import Hotline
from config.secrets import Secrets
from config.settings import Settings
from telephony.pbx.render import REQUIRED_MODULES, PbxSounds, environment, template_values
from telephony.pbx.values import PbxConfigInvalid

#: where a Debian or Ubuntu Asterisk keeps music
MUSIC_FOLDER = PurePosixPath("/var/lib/asterisk/moh/hotline")

#: file to write: template it is made of
_FILES = {
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
        "hold_music": hold_music,
        "cdr_file": "hotline-cdr.csv",
        "cel_file": "hotline-cel.csv",
        "modules_needed": REQUIRED_MODULES,
    }
    templates = environment()
    return {name: templates.get_template(template).render(values) for name, template in _FILES.items()}
