"""Files for the agent beside a remote PBX."""

from __future__ import annotations

from pathlib import Path

from telephony.pbx.local import write_private
from ticketing_bridge.house import House
from ticketing_bridge.roles.pbx_receiver import ReceiverOff, certificate, receiver_hosts

#: where a Debian or Ubuntu Asterisk writes what we had it configured to write
_LOGS = "/var/log/asterisk"


def write_agent_files(house: House, pbx: str, out: Path) -> list[Path]:
    """Settings, token and certificate of one PBX's agent; the token's file is for its owner alone.

    Raises:
        PbxUnknown: the PBX is not configured.
        ReceiverOff: HOTLINE_RECEIVER_PORT is not set.
    """
    site, settings = house.site(pbx), house.settings
    if settings.receiver_port is None:
        raise ReceiverOff("the receiver has no port", fix="set HOTLINE_RECEIVER_PORT")
    hosts = receiver_hosts(settings)
    public, _ = certificate(settings.home, hosts)
    out.mkdir(parents=True, exist_ok=True)
    files = {
        "pbx-receiver.crt": public.read_text(encoding="utf-8"),
        "token": house.secrets.ship_token(site.id) + "\n",
        "hotline.env": "\n".join(
            (
                f"HOTLINE_PBX_ID={site.id}",
                "HOTLINE_LOCAL_PBX=false",
                f"HOTLINE_SHIP_TO=https://{hosts[0]}:{settings.receiver_port}",
                "HOTLINE_SHIP_TOKEN_FILE=/etc/hotline/token",
                "HOTLINE_SHIP_AUTHORITY=/etc/hotline/pbx-receiver.crt",
                f"HOTLINE_CEL_FILE={_LOGS}/cel-custom/hotline-cel.csv",
                f"HOTLINE_QUEUE_LOG_FILE={_LOGS}/queue_log",
                "HOTLINE_RECORDINGS_FOLDER=/var/spool/asterisk/monitor",
                "",
            )
        ),
    }
    for name, text in files.items():
        write_private(out / name, text)
    return [out / name for name in files]
