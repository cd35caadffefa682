"""Finding tickets by their words, which are sealed: by keyed tokens, and then by what the person may read.

A token tells nothing without the installation's key. What it finds is opened as the person sees it and must
say what was looked for there: nobody learns by searching what a ticket hides from them.
"""

from __future__ import annotations

from collections.abc import Iterable

from asr.text.searching import Terms, normal, pairs
from ticketing_bridge.store.database import Database
from ticketing_bridge.store.sealing import Vault
from ticketing_bridge.tickets.model import Texts
from ticketing_bridge.tickets.office import TicketOffice
from ticketing_bridge.tickets.sealed import Sealer

_KIND = "ticket-words"
INDEXED_AT_ONCE = 200


def said_in(texts: Texts) -> list[str]:
    """Everything that these words say, normal."""
    said = (texts.title, texts.content, texts.party, texts.demand, texts.when, texts.answer, *texts.places)
    return [plain for it in said if it and (plain := normal(it))]


def ticket_tokens(vault: Vault, texts: Texts) -> frozenset[str]:
    """By what a ticket is found: every pair of characters, and every single one."""
    found = {it for said in said_in(texts) for it in pairs(said)}
    return frozenset(vault.token(_KIND, it) for it in found)


def wanted_tokens(vault: Vault, terms: Terms) -> tuple[str, ...]:
    """What a ticket must have to say all of these."""
    return tuple({vault.token(_KIND, key) for keys in terms.keys for key in keys})


def says(texts: Texts, terms: Iterable[str]) -> bool:
    """Whether these words say each of them."""
    said = said_in(texts)
    return all(any(term in it for it in said) for term in terms)


async def index_tickets(database: Database, office: TicketOffice) -> int:
    """Make tickets findable that are not; returns how many."""
    done = 0
    while True:
        async with database.unit_of_work() as uow:
            rows = await uow.desk_tickets.without_words(INDEXED_AT_ONCE)
            sealer = Sealer(uow, office.vault)
            await sealer.fetch_keys(row.texts for row in rows)
            batch = uow.batch()
            for row in rows:
                ticket = await sealer.ticket(row)
                uow.ticket_writing.put_words(batch, row.number, ticket_tokens(office.vault, ticket.texts))
            await batch.send()
        done += len(rows)
        if len(rows) < INDEXED_AT_ONCE:
            return done
