"""The title of a ticket: where, and what happened, in clean words; at most 25 characters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

from ticketing_bridge.drafting.lexicon import because, pattern, words
from ticketing_bridge.drafting.matters import Heard
from ticketing_bridge.drafting.model import CITIZEN, CallState, DraftInput, Span, Value
from ticketing_bridge.drafting.numbers import DIGIT, with_figures
from ticketing_bridge.drafting.prose import Clause, clauses
from ticketing_bridge.drafting.wording import written

#: characters
LONGEST_TITLE = 25
#: characters between what happened and a word of the matter in the same turn
_NEAR = 14
#: a place's end of more characters is not said again: 物流园商户事务
_SHARED = 2
#: a name so short says nothing of what is wrong
_BARE = 4
#: what is only said of a life in danger
_URGENT = "危急"
#: characters of a clause that makes a title, and the least that it must tell
_SHORT_CORE, _LONG_CORE = 4, 18
_TELLS = 0.9
#: a topic of fewer characters says too little
_TOPIC = 3

_DIGITS = re.compile(f"{DIGIT}{{3}}")
_ROAD_FIRST = re.compile(
    r"^.{1,8}?(?:路|街|大道|巷)(?:\d+号(?!院|楼|库))?(?=.{4,})"
    r"(?!上|小学|中学|学校|菜市场|市场|公园|广场|医院|社区|街道|小区|新村|家属|对面|口|段|[东西南北中][段头侧])"
)


def short_place(place: str) -> str:
    """A place for a title: figures, without the road when a name follows, without room numbers."""
    text = re.sub(r"(?:\d+单元.*|\d+[层楼].{0,2}|\d+室|那个|这个)$", "", with_figures(place))
    text = re.sub(rf"(?:{DIGIT}{{3,4}})$", "", text)
    shorter = _ROAD_FIRST.sub("", text)
    named = shorter.removeprefix("的")
    crossing = any(it in text for it in words("places")["crossing"])
    if crossing or re.match(r"^(和|与|跟|口|\d)", shorter):
        return text
    return named


@cache
def _happenings() -> tuple[tuple[re.Pattern[str], str, str | None], ...]:
    rows = words("titles")["happenings"]
    return tuple((re.compile(row[0]), row[1], row[2] if len(row) > 2 else None) for row in rows)


def _person(call: DraftInput) -> str:
    said = "".join(text for _, text in call.citizen())
    people: dict[str, str] = words("titles")["people"]
    return next((name for word, name in people.items() if word in said), "")


def _close(turn: int, found: re.Match[str], spans: list[Span]) -> bool:
    return any(
        it.turn == turn and it.start - _NEAR <= found.end() and found.start() <= it.end + _NEAR
        for it in spans
    )


def happening(
    call: DraftInput, purpose: str, heard: Heard, *, place: str | None = None, emergency: bool
) -> tuple[str, Span] | None:
    """What happened, as far as the caller's words are among the known ones and about the matter."""
    spans = heard.spans[heard.matter.title] if heard.matter else []
    for expression, phrase, only in _happenings():
        if only and only != purpose and not (only == _URGENT and emergency):
            continue
        for turn, text in call.citizen():
            found = expression.search(text)
            if not found or denied(text, found) or _in_place(text, found, place):
                continue
            if not emergency and spans and not _close(turn, found, spans):
                continue
            said = _filled(phrase, found, call)
            if said:
                return said, Span(turn, found.start(), found.end(), found[0])
    return None


def _filled(phrase: str, found: re.Match[str], call: DraftInput) -> str:
    """The phrase with the words heard; empty when they are not there."""
    groups = [it or "" for it in (found[0], *found.groups())]
    if any(f"{{{at}}}" in phrase and not it for at, it in enumerate(groups)):
        return ""
    who = _person(call) if "{who}" in phrase else ""
    return "" if "{who}" in phrase and not who else phrase.format(*groups, who=who)


def _named(call: DraftInput, heard: Heard) -> str:
    """The catalogue's name of the matter; of two in one (红绿灯与交通信号) the one that was spoken of."""
    title = heard.matter.title.removesuffix("问题") if heard.matter else ""
    said = "".join(text for _, text in call.citizen())
    halves = re.split("与|、", title)
    best = max(halves, key=lambda half: sum(it in said for it in half) / max(len(half), 1))
    return best if len(halves) > 1 or not title else title


def make_title(
    call: DraftInput,
    purpose: str | None,
    place: str | None,
    heard: Heard,
    state: CallState,
    *,
    party: str | None = None,
    emergency: bool = False,
) -> Value[str | None]:
    """Place and what happened; what is asked of what; who is praised for what."""
    w = words("wording")
    if state.value in w["states"]:
        return Value(w["states"][state.value], 0.7, because(state.value))
    if purpose is None and not heard.matter:
        return Value(None, reason=because("purpose_unknown"))
    purpose = purpose or "求助"  # named like a plain matter
    where = short_place(place) if place else ""
    if purpose == "建议" and (proposal := _proposal(call)):
        return proposal
    if purpose in _SPECIAL:
        title, reason = _SPECIAL[purpose](call, heard, where)
        return Value(title, 0.6, because(reason))
    return _of_happening(call, purpose, place, party, heard, emergency=emergency)


def _of_happening(
    call: DraftInput, purpose: str, place: str | None, party: str | None, heard: Heard, *, emergency: bool
) -> Value[str | None]:
    """Where and what happened; in the catalogue's words when the caller's are not known."""
    w = words("wording")
    where = short_place(place) if place else ""
    form = w["title_patterns"][purpose]
    told = happening(call, purpose, heard, place=place, emergency=emergency)
    if told:
        by = party or ("" if where else _company(heard))
        does = told[0].startswith(tuple(words("titles")["by_party"])) and not _DIGITS.search(by)
        return Value(
            _fitted(form, where, told[0], by if does else ""), 0.65, because("place_matter"), (told[1],)
        )
    room = LONGEST_TITLE - len(form.format(place=where, matter=""))
    core = _core(call, heard, with_figures(place or ""), room)
    if core:
        return Value(_fitted(form, where, core.written), 0.55, because("place_matter"), (core.span,))
    matter = _named(call, heard) or w["no_matter"][purpose]
    if heard.matter and len(matter) < len(heard.matter.title) and len(matter) <= _BARE:
        matter = w["bare"].format(matter)
    spans = tuple(heard.spans[heard.matter.title][:2]) if heard.matter else ()
    return Value(_fitted(form, where, matter), 0.5 if heard.matter else 0.3, because("place_matter"), spans)


def _in_place(text: str, found: re.Match[str], place: str | None) -> bool:
    """Whether it is (partly) the name of the place that was read: 通宁路 is no road that is broken."""
    at = text.find(place) if place else -1
    return at >= 0 and found.start() < at + len(place or "") and at < found.end()


def denied(text: str, found: re.Match[str]) -> bool:
    """没有垃圾 tells of none."""
    return text[: found.start()].endswith(("没有", "不是", "没"))


def _core(call: DraftInput, heard: Heard, place: str, longest: int) -> Clause | None:
    """The clause that tells the trouble: with words of the matter, short, early, without the place."""
    spans = heard.spans[heard.matter.title] if heard.matter else []
    best: tuple[float, Clause] | None = None
    for turn, text in call.citizen():
        for clause in clauses(turn, text):
            written = _without_place(clause.written, place)
            if not _SHORT_CORE <= len(written) <= min(longest, _LONG_CORE):
                continue
            about = {it.text for it in spans if it.within(clause.span)}
            trouble = pattern("titles", "trouble").search(clause.span.text)
            asks = pattern("titles", "no_core").search(clause.span.text)
            score = 0.4 * min(len(about), 2) + 1.5 * bool(trouble) - 2 * bool(asks) - 0.1 * turn
            if score > _TELLS and (best is None or score > best[0]):
                best = score, replace(clause, written=written)
    return best[1] if best else None


def _without_place(written: str, place: str) -> str:
    """A clause without the place in front, and without what only points."""
    text = written.removeprefix("在").replace(place, "") if place else written
    return re.sub(words("titles")["pointing"], "", text)


def _void(call: DraftInput, heard: Heard, where: str) -> tuple[str, str]:
    """A call without a matter, one that was misdialled told as such."""
    wrong = any(pattern("titles", "misdialled").search(text) for _, text in call.citizen())
    return str(words("wording")["no_wish"]["misdialled" if wrong else "other"]), "no_matter"


def _company(heard: Heard) -> str:
    """The company that answers for the matter: a title without a place names it."""
    unit = heard.matter.unit if heard.matter else ""
    return unit if unit.endswith("公司") and len(unit) <= 6 else ""


def _fitted(form: str, where: str, what: str, by: str = "") -> str:
    """Place, party and what happened; a place too long, or said in the matter as well, is made shorter."""
    shared = next((n for n in range(min(len(where), len(what)), _SHARED, -1) if where.endswith(what[:n])), 0)
    where = where[: len(where) - shared]
    named = where + by if by and by not in where else where
    for shorter in (
        named,
        where if where else by,
        where[: LONGEST_TITLE - len(what) - 2],
        "",
    ):
        title = form.format(place=shorter, matter=what)
        if len(title) <= LONGEST_TITLE:
            return title
    return title[:LONGEST_TITLE]


def _praised(call: DraftInput, heard: Heard, where: str) -> tuple[str, str]:
    """Who, and for what: 出租车司机拾金不昧."""
    said = "".join(text for _, text in call.citizen())
    deed = next((deed for cue, deed in words("titles")["deeds"] if re.search(cue, said)), "")
    who = _person(call) or words("wording")["no_matter"]["表扬"]
    return _fitted(words("wording")["title_patterns"]["表扬"], where, who + deed), "place_matter"


def _asked(call: DraftInput, heard: Heard, where: str) -> tuple[str, str]:
    """What of what is asked: 咨询高龄补贴办理方式."""
    aspect = next(_aspects(call), "")
    heard_of = heard.spans[heard.matter.title] if heard.matter else []
    single = [it.text for it in heard_of if len(it.text) >= 2 and call.turns[it.turn].speaker == CITIZEN]
    known = heard.matter.words if heard.matter else ()
    topic = max((it for it in single if it in known and it[0] not in "不没"), key=len, default="")
    if len(topic) < 3 or not aspect:
        topic = topic if aspect and len(topic) >= 2 else _named(call, heard)
    form = words("wording")["title_patterns"]["咨询"]
    asked = _question(call) if len(topic) < _TOPIC or not aspect else None
    if asked:
        return form.format(matter=asked)[:LONGEST_TITLE], "place_matter"
    topic = topic or words("wording")["no_matter"]["咨询"]
    return (form.format(matter=topic) + aspect)[:LONGEST_TITLE], "place_matter"


def _question(call: DraftInput) -> str | None:
    """The caller's first question, written: 流感针在哪儿打."""
    for turn, text in call.citizen():
        for clause in clauses(turn, text):
            said = re.sub(words("titles")["asking"], "", clause.written)
            if pattern("titles", "question").search(said) and _SHORT_CORE <= len(said) <= LONGEST_TITLE - 2:
                return said
    return None


def _aspects(call: DraftInput) -> Iterator[str]:
    for cue, aspect in words("titles")["aspects"]:
        if any(re.search(cue, text) for _, text in call.citizen()):
            yield aspect


def _proposal(call: DraftInput) -> Value[str | None] | None:
    """A proposal in its own words, when they are few enough."""
    for turn, text in call.citizen():
        found = pattern("wording", "proposes").search(text)
        said = written(text[found.end() :]) if found else ""
        if found and 4 <= len(said) <= LONGEST_TITLE - 2:
            span = Span(turn, found.start(), len(text), text[found.start() :])
            return Value("建议" + said, 0.7, because("gist"), (span,))
    return None


_SPECIAL: dict[str, Callable[[DraftInput, Heard, str], tuple[str, str]]] = {
    "其他": _void,
    "表扬": _praised,
    "咨询": _asked,
}
