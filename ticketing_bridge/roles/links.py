"""Links of the roles to a PBX, each as one of its two AMI users."""

from __future__ import annotations

from config.sites import PbxSite
from telephony.agi.presses import WANTED, KeyWitness
from telephony.ami.link import AmiAddress, AmiLink
from telephony.ami.parsing import READ_EVENTS
from ticketing_bridge.house import House


def reader_link(house: House, site: PbxSite) -> AmiLink:
    """Follows the PBX: events and snapshots."""
    address = _address(site, "hotline-reader", house.ami_secrets(site).ami_reader)
    return AmiLink(address, wanted=READ_EVENTS)


def originator_link(house: House, site: PbxSite, witness: KeyWitness | None = None) -> AmiLink:
    """Has the PBX do things; a witness hears of the keys that are pressed."""
    secret = house.ami_secrets(site).ami_originator
    return AmiLink(
        _address(site, "hotline-originator", secret),
        follow=False,
        wanted=WANTED if witness else frozenset(),  # what answers an action comes all the same
        on_event=witness.take if witness else None,
    )


def _address(site: PbxSite, user: str, secret: str) -> AmiAddress:
    return AmiAddress(site.ami_host, site.ami_port, user, secret, site.id)
