"""What other systems say of our tickets: asked for or told, kept, and taken into the ticket's life."""

from __future__ import annotations

from collections.abc import Mapping

from config.delivery import ConnectorBase, DeliveryConfig, Meaning
from ticketing_bridge.delivery.mapping.remote import RemoteTicket
from ticketing_bridge.delivery.subjects import Said, Tickets
from ticketing_bridge.store.database import UnitOfWork
from ticketing_bridge.store.delivery_repository import LAST
from ticketing_bridge.store.outbox_records import DeliveryState


class Hearing:
    """Takes states of other systems."""

    def __init__(self, config: DeliveryConfig, tickets: Tickets) -> None:
        self._config, self._tickets = config, tickets

    async def hear(self, uow: UnitOfWork, number: int, shown: RemoteTicket) -> str:
        """Take what another system says of a delivered ticket; returns what it did here."""
        it = await uow.deliveries.get(number, lock=True)
        if it is None or it.state is not DeliveryState.DELIVERED:
            return "unknown"
        if shown.status is None or shown.status == it.remote_status:
            return "nothing_new"
        setting = self._config.get(it.connector)
        meaning = meaning_of(setting, shown.status)
        applied = "unknown_status"
        if meaning is not None:
            said = Meaning.REOPENED if _reopened(it.remote_meaning, meaning) else meaning
            units = setting.units if setting else ()
            applied = await self._tickets.told(uow, it.subject, Said(said, shown.note, it.connector, units))
        changed = shown.id if shown.id and shown.id != it.remote_id else None
        await uow.deliveries.heard(
            it.id,
            shown.status,
            meaning.value if meaning else None,
            shown.note,
            applied,
            remote_id=changed,
        )
        return applied


def _reopened(before: str | None, now: Meaning) -> bool:
    """What was over there is in hand again."""
    return before in LAST and now in (Meaning.RECEIVED, Meaning.SIGNED, Meaning.WORKING)


def meaning_of(setting: ConnectorBase | None, status: str) -> Meaning | None:
    """What a state of the other system means here; None: the city's configuration does not say."""
    states: Mapping[str, Meaning] = getattr(setting, "states", {})
    return {name.casefold(): meaning for name, meaning in states.items()}.get(status.casefold())
