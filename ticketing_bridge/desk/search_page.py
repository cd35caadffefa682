"""通话内容检索: finding calls by what was said in them. Every search is on record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from asr.text.searching import Snippet
from config.hotline import Hotline
from facts.transcript import Leg
from ticketing_bridge.desk.desk import Desk
from ticketing_bridge.desk.labels import labels
from ticketing_bridge.desk.pages import render_page
from ticketing_bridge.desk.secret_calls import closed_calls
from ticketing_bridge.desk.views import CallView, call_url, call_view
from ticketing_bridge.desk.visitor import SignedIn
from ticketing_bridge.rate.service import LOCAL
from ticketing_bridge.store.records import SearchFilter
from ticketing_bridge.transcripts.search import FoundWords, NothingToFind, SearchAnswer, search

#: turns of one call that are shown
SNIPPETS_SHOWN = 5

router = APIRouter()
Typed = Annotated[str, Query(max_length=200)]
Short = Annotated[str, Query(max_length=40)]


@dataclass(frozen=True, slots=True)
class SearchForm:
    """What the form had: shown again beside the answer."""

    q: str = ""
    from_: str = ""
    to: str = ""
    line: str = ""
    leg: str = ""
    #: only calls before this moment: the next page of an answer
    before: str = ""

    def wanted(self) -> SearchFilter:
        """The filter; raises ``ValueError`` when a day, a moment or a side is none."""
        day_after = _midnight(self.to, after=True)
        before = datetime.fromisoformat(self.before) if self.before else None
        ends = [it for it in (day_after, before) if it is not None]
        return SearchFilter(
            from_=_midnight(self.from_),
            to=min(ends) if ends else None,
            line=self.line or None,
            leg=Leg(self.leg) if self.leg else None,
        )

    def address(self, before: datetime) -> str:
        """The same search, further back."""
        fields = {"q": self.q, "from": self.from_, "to": self.to, "line": self.line, "leg": self.leg}
        return "/search?" + urlencode({**fields, "before": before.isoformat()})


def _midnight(day: str, *, after: bool = False) -> datetime | None:
    if not day:
        return None
    return datetime.combine(date.fromisoformat(day) + timedelta(days=after), time(), LOCAL)


@dataclass(frozen=True, slots=True)
class SnippetView:
    """One turn where something was found, with the way to it."""

    at_s: float
    speaker: str
    url: str
    pieces: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class FoundView:
    """A call with the first of its turns; ``others`` more have the words, too."""

    call: CallView
    snippets: tuple[SnippetView, ...]
    others: int


@dataclass(frozen=True, slots=True)
class AnswerView:
    """The calls of an answer, and where older ones are."""

    calls: tuple[FoundView, ...]
    more: bool
    older: str | None


def answer_view(
    answer: SearchAnswer, shown: Sequence[FoundWords], form: SearchForm, hotline: Hotline, now: datetime
) -> AnswerView:
    """An answer as people see it; ``shown``: those of its calls that are theirs to see. Pure."""
    older = form.address(answer.until) if answer.more and answer.until else None
    found = tuple(_found_view(it, hotline, now) for it in shown)
    return AnswerView(found, answer.more, older)


def _found_view(found: FoundWords, hotline: Hotline, now: datetime) -> FoundView:
    names: Mapping[str, str] = labels().legs
    url = call_url(str(found.call.key))

    def view(it: Snippet) -> SnippetView:
        return SnippetView(it.at_s, names[it.leg], f"{url}#{found.kind}-{it.turn}", it.pieces)

    shown = tuple(view(it) for it in found.snippets[:SNIPPETS_SHOWN])
    return FoundView(call_view(found.call, hotline, now), shown, len(found.snippets) - len(shown))


@router.get("/search")
async def search_page(
    request: Request,
    visitor: SignedIn,
    q: Typed = "",
    from_: Annotated[str, Query(alias="from", max_length=40)] = "",
    to: Short = "",
    line: Short = "",
    leg: Short = "",
    before: Short = "",
) -> Response:
    """The form, and below it the newest calls in which everything that was typed was said."""
    desk: Desk = request.app.state.desk
    form = SearchForm(q, from_, to, line, leg, before)
    answer, problem = None, ""
    if q.strip():
        try:
            names = (await desk.city()).names.kept
            found = await search(desk.database, q, form.wanted(), actor=visitor.name, names=names)
            async with desk.database.unit_of_work() as uow:
                closed = await closed_calls(uow, visitor, [str(it.call.key) for it in found.found])
            open_ = tuple(it for it in found.found if str(it.call.key) not in closed)
            answer = answer_view(found, open_, form, desk.hotline, desk.now())
        except NothingToFind:
            problem = labels().problems["nothing_to_find"]
        except ValueError:
            problem = labels().problems["search_wrong"]
    return render_page(
        request,
        "search.html",
        status=422 if problem else 200,
        place="search",
        form=form,
        answer=answer,
        problem=problem,
        lines=desk.hotline.lines,
        legs=labels().legs,
    )
