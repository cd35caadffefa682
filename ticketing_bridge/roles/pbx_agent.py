"""The role beside a remote PBX: ships its CEL, queue_log and recordings to the hotline. Needs no database."""

from __future__ import annotations

from facts.errors import HotlineError
from telephony.pbx.paths import PbxPaths
from telephony.pbx_agent.shipping import Cargo, Shipper
from ticketing_bridge.house import House


class AgentSettingsMissing(HotlineError):
    """The agent does not know where to ship to."""

    error_id = "agent-settings-missing"


async def run_pbx_agent(house: House) -> None:
    """Ship until cancelled, whatever the network does.

    Raises:
        AgentSettingsMissing, ShipUnsafe: a setting is missing, or the address is not https.
    """
    settings = house.settings
    if settings.ship_to is None or settings.ship_token_file is None:
        raise AgentSettingsMissing(
            "the agent does not know where to ship to",
            fix="set HOTLINE_SHIP_TO and HOTLINE_SHIP_TOKEN_FILE (hotline pbx agent PBX, at the hotline, "
            "prints them)",
        )
    try:
        token = settings.ship_token_file.read_text(encoding="utf-8").strip()
    except OSError as problem:
        raise AgentSettingsMissing(
            f"{settings.ship_token_file}: {problem.strerror}", fix="let this user read the token's file"
        ) from None
    paths = PbxPaths.of(settings)
    cargo = Cargo(
        settings.pbx_id,
        settings.cel_file or paths.cel,
        settings.queue_log_file or paths.queue_log,
        settings.recordings,
    )
    async with Shipper(cargo, settings.ship_to, token, settings.ship_authority) as shipper:
        await shipper.ship_for_ever()
