"""The workplace's stream: words at once, the draft when a sentence is finished, all else when it changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from facts.call import CallState
from facts.identity import CallKey
from facts.tasks import end_task
from ticketing_bridge.desk.desk import CALL, SHEET
from ticketing_bridge.desk.events import RETRY, SIGNED_OUT, Pulse, Sent, counted, event
from ticketing_bridge.desk.feed import WORDS
from ticketing_bridge.desk.mailbox import Mailbox
from ticketing_bridge.desk.views import call_view
from ticketing_bridge.desk.visitor import Visitor
from ticketing_bridge.desk.words_view import saying_view
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

#: the topic of a page whose draft has been made again
DRAFTED = "drafted"
#: fragment → template: what words change, and what the call itself changes
SAYING: Mapping[str, str] = {"saying": "_saying.html"}
WORD_FRAGMENTS: Mapping[str, str] = {"said": "_said.html", **SAYING}
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
        #: how many finished sentences the bubbles on the page show
        self._shown = -1

    def words(self) -> bytes:
        """The open partials alone until somebody finishes a sentence: cheap enough for every syllable."""
        page, desk = self.place.page, self._office.desk
        finals = count_of_finals(self._office, page)
        if finals == self._shown:
            saying = saying_view(desk.feed.words(page.key)) if page.call.ended_at is None else ()
            return self._sent.changed(rendered(self._office, {"saying": saying}, SAYING))
        self._shown = finals
        return self._sent.changed(rendered(self._office, page.context(desk), WORD_FRAGMENTS))

    def everything(self) -> bytes:
        context = place_context(self._office, self.place, self.offers)
        fragments = rendered(self._office, context, {**CALL_FRAGMENTS, **OFFER_FRAGMENTS})
        fields = json.dumps(fields_event(self.place), ensure_ascii=False)
        return self._sent.changed({**fragments, "fields": fields})

    async def stands(self) -> bytes:
        """While people talk the standing may change without a word from the ledger."""
        if self.place.call.state is not CallState.TALKING:
            return b""
        try:
            standing = await self._office.standings.lately(self.place.call.key)
        except DatabaseAway:
            return b""
        if standing == self.place.standing:
            return b""
        self.place = replace(self.place, standing=standing)
        return self.everything()

    @property
    def behind(self) -> bool:
        """Whether somebody has finished a sentence that is not drafted yet."""
        return count_of_finals(self._office, self.place.page) != self.finals

    async def sentence(self) -> None:
        """Draft again and offer again; what is to be shown of it is rendered by whoever tells it."""
        self.finals = count_of_finals(self._office, self.place.page)
        place = await drafted(self._office, self.place)
        self.place, self.offers = place, await offers_for(self._office, place)

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
    key = place.page.key
    sent, pulse, mailbox = Sent(desk), Pulse(desk, visitor, key), Mailbox()
    with (
        counted(desk),
        desk.pages.plugged_in(key, mailbox),
        desk.pages.plugged_in(agent_subject(agent or ""), mailbox),
        desk.pages.plugged_in(WORKPLACES, Mailbox()),
        desk.feed.pages.plugged_in(key, mailbox),
        office.standings.looked_at(place.call.key),
    ):
        teller = _Teller(office, sent, place, Offers())
        # read again: what changed before the mailbox was plugged in was told to nobody
        first = await teller.anew(visitor)
        yield RETRY + sent.health() + first + event("ring", ring_event(office, agent))
        drafting: asyncio.Task[None] | None = None
        try:
            while not desk.closing.is_set():
                topics = await pulse.news(mailbox)
                beat = pulse.due(topics)
                if await pulse.over(topics, beat=beat):
                    yield SIGNED_OUT
                    return
                if WORDS in topics and (news := teller.words()):
                    yield news
                if drafting is not None and (drafting.done() or topics & {CALL, SHEET}):
                    await drafting
                    drafting = None
                    yield teller.everything()
                if drafting is None and teller.behind:
                    # words go on while the draft is made
                    drafting = asyncio.create_task(teller.sentence(), name="workplace-draft")
                    drafting.add_done_callback(lambda _: mailbox.poke(DRAFTED))
                waits = beat and drafting is None and teller.place.page.waits_for_more(desk.now())
                if (topics & {CALL, SHEET} or waits) and (news := await teller.anew(visitor)):
                    yield news
                if beat and (news := await teller.stands()):
                    yield news
                if RING in topics:
                    yield sent.changed({"ring": ring_event(office, agent)})
                if beat:
                    yield sent.health()
        finally:
            await end_task(drafting)


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
            beat = pulse.due(topics)
            if await pulse.over(topics, beat=beat):
                yield SIGNED_OUT
                return
            if RING in topics and (news := sent.changed({"ring": ring_event(office, agent)})):
                yield news
            if beat:
                yield sent.health()
