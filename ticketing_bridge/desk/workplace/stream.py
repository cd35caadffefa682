"""The workplace's stream: words at once, the draft when a sentence is finished, all else when it changes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

from facts.call import CallState
from facts.identity import CallKey
from ticketing_bridge.desk.desk import CALL, SHEET
from ticketing_bridge.desk.events import RETRY, SIGNED_OUT, Pulse, Sent, counted, event
from ticketing_bridge.desk.feed import WORDS
from ticketing_bridge.desk.mailbox import Mailbox
from ticketing_bridge.desk.views import call_view
from ticketing_bridge.desk.visitor import Visitor
from ticketing_bridge.desk.workplace.offers import Offers, offers_for
from ticketing_bridge.desk.workplace.office import WorkplaceOffice
from ticketing_bridge.desk.workplace.place import (
    Workplace,
    count_of_finals,
    drafted,
    fields_event,
    load_workplace,
)
from ticketing_bridge.desk.workplace.rings import RING, WORKPLACES, agent_subject
from ticketing_bridge.desk.workplace.wording import workplace_words
from ticketing_bridge.store import DatabaseAway

#: fragment → template: what words change, and what the call itself changes
WORD_FRAGMENTS: Mapping[str, str] = {"said": "_said.html", "saying": "_saying.html"}
CALL_FRAGMENTS: Mapping[str, str] = {
    "head": "workplace/_head.html",
    "caller": "workplace/_caller.html",
    **WORD_FRAGMENTS,
}
OFFER_FRAGMENTS: Mapping[str, str] = {
    "numbers": "workplace/_numbers.html",
    "answers": "workplace/_answers.html",
    "similar": "workplace/_similar.html",
}


def place_context(office: WorkplaceOffice, place: Workplace, offers: Offers) -> dict[str, Any]:
    """What the templates of a workplace want."""
    desk, words = office.desk, workplace_words()
    return {
        **place.page.context(desk),
        **offers.context(desk),
        "place_": place,
        "sheet": place.sheet,
        "matters": place.matters,
        "past": place.past,
        "tickets": place.tickets,
        "mark": place.mark,
        "mark_label": words.marks[place.mark.kind] if place.mark else None,
        "script": words.scripts[place.mark.kind] if place.mark else "",
        "standing": place.standing,
        "standing_text": words.standings[place.standing.standing] if place.standing else "",
        "keys": words.keys,
        "emergency": desk.hotline.emergency,
    }


def rendered(
    office: WorkplaceOffice, context: Mapping[str, Any], templates: Mapping[str, str]
) -> dict[str, str]:
    """Fragments by their names."""
    full = {**context, "streaming": True, "csrf": ""}
    return {name: office.desk.templates.render(template, full) for name, template in templates.items()}


def ring_event(office: WorkplaceOffice, agent: str | None) -> str:
    """The call at this agent's telephone, for the page's script; an empty object: none."""
    call = office.rings.call_of(agent)
    if call is None:
        return "{}"
    view = call_view(call, office.desk.hotline, office.desk.now())
    facts = {
        "key": view.key,
        "url": f"/desk{view.url}",
        "number": view.number,
        "line": view.line,
        "talking": call.state is CallState.TALKING,
    }
    return json.dumps(facts, ensure_ascii=False)


class _Teller:
    """What one page has been told, and telling it the rest."""

    def __init__(self, office: WorkplaceOffice, sent: Sent, place: Workplace, offers: Offers) -> None:
        self._office = office
        self._sent = sent
        self.place = place
        self.offers = offers
        self.finals = count_of_finals(office, place.page)

    def words(self) -> bytes:
        """Only the bubbles: cheap enough for every syllable."""
        context = self.place.page.context(self._office.desk)
        return self._sent.changed(rendered(self._office, context, WORD_FRAGMENTS))

    def everything(self) -> bytes:
        context = place_context(self._office, self.place, self.offers)
        fragments = rendered(self._office, context, {**CALL_FRAGMENTS, **OFFER_FRAGMENTS})
        fields = json.dumps(fields_event(self.place), ensure_ascii=False)
        return self._sent.changed({**fragments, "fields": fields})

    async def sentence(self) -> bytes:
        """Somebody finished a sentence: draft again, offer again."""
        self.finals = count_of_finals(self._office, self.place.page)
        self.place = await drafted(self._office, self.place)
        self.offers = await offers_for(self._office, self.place)
        return self.everything()

    async def anew(self, visitor: Visitor) -> bytes:
        """The call, the sheet or the standing changed: read all of it."""
        try:
            found = await load_workplace(
                self._office,
                CallKey.parse(self.place.page.key),
                self.place.sheet.matter,
                visitor.person,
            )
        except DatabaseAway:
            return b""
        if found is not None:
            self.place = found
            self.offers = await offers_for(self._office, found)
        return self.everything()


async def workplace_stream(
    office: WorkplaceOffice, place: Workplace, visitor: Visitor
) -> AsyncIterator[bytes]:
    """One workplace's events."""
    desk, agent = office.desk, office.agent_of(visitor.name)
    sent, pulse, mailbox = Sent(desk), Pulse(desk, visitor), Mailbox()
    key = place.page.key
    with (
        counted(desk),
        desk.pages.plugged_in(key, mailbox),
        desk.pages.plugged_in(agent_subject(agent or ""), mailbox),
        desk.pages.plugged_in(WORKPLACES, Mailbox()),
        desk.feed.pages.plugged_in(key, mailbox),
    ):
        teller = _Teller(office, sent, place, Offers())
        # read again: what changed before the mailbox was plugged in was told to nobody
        first = await teller.anew(visitor)
        yield RETRY + sent.health() + first + event("ring", ring_event(office, agent))
        while not desk.closing.is_set():
            topics = await pulse.news(mailbox)
            if WORDS in topics:
                if news := teller.words():
                    yield news
                if count_of_finals(office, teller.place.page) != teller.finals:
                    yield await teller.sentence()
            beat = pulse.due(topics)
            waits = beat and (teller.place.page.waits_for_more(desk.now()) or _talks(teller.place))
            if (topics & {CALL, SHEET} or waits) and (news := await teller.anew(visitor)):
                yield news
            if RING in topics:
                yield sent.changed({"ring": ring_event(office, agent)})
            if beat:
                if await pulse.signed_out():
                    yield SIGNED_OUT
                    return
                yield sent.health()


def _talks(place: Workplace) -> bool:
    """While people talk the standing may change without a word from the ledger."""
    return place.standing is not None


async def home_stream(office: WorkplaceOffice, visitor: Visitor) -> AsyncIterator[bytes]:
    """The waiting agent's events: what rings."""
    desk, agent = office.desk, office.agent_of(visitor.name)
    sent, pulse, mailbox = Sent(desk), Pulse(desk, visitor), Mailbox()
    with (
        counted(desk),
        desk.pages.plugged_in(agent_subject(agent or ""), mailbox),
        desk.pages.plugged_in(WORKPLACES, Mailbox()),
    ):
        with suppress(DatabaseAway):
            await office.rings.look()
        yield RETRY + sent.health() + sent.changed({"ring": ring_event(office, agent)})
        while not desk.closing.is_set():
            topics = await pulse.news(mailbox)
            if RING in topics and (news := sent.changed({"ring": ring_event(office, agent)})):
                yield news
            if pulse.due(topics):
                if await pulse.signed_out():
                    yield SIGNED_OUT
                    return
                yield sent.health()
