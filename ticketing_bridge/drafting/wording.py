"""Title, wish and content in written language, composed of what was heard."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from typing import Any

from ticketing_bridge.drafting.lexicon import any_of, because, pattern, words
from ticketing_bridge.drafting.matters import Heard
from ticketing_bridge.drafting.model import AGENT, CITIZEN, DraftInput, Span, Value, When
from ticketing_bridge.drafting.numbers import DIGIT, with_figures
from ticketing_bridge.drafting.prose import Clause, clauses, formal, joined

#: characters
LONGEST_WISH = 40
LONGEST_CONTENT = 240
#: a turn with fewer characters beside the place says nothing but the place
_ALONE = 5


_VERY = re.compile("([大小多少高低冷热臭脏乱差吵黑近远慢快急深厉害])得很")


def _w() -> dict[str, Any]:
    return words("wording")


@cache
def _trim() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    w = _w()
    openings, ends = any_of((*w["greetings"], *w["fillers"])), any_of((*w["ends"], *w["fillers"]))
    return re.compile(f"^{openings}+"), re.compile(f"{ends}+$"), re.compile("[嗯呃哎诶唉嘞]|喂喂|(对){2,}")


def written(text: str) -> str:
    """A spoken sentence with its fillers gone and figures written.

    >>> written("嗯你好我们十一号院赶紧修一下嘛谢谢")
    '我们11号院尽快修一下'
    """
    opening, end, inside = _trim()
    text = inside.sub("", end.sub("", opening.sub("", text)))
    text = _VERY.sub(lambda it: "很" + it[1], text)
    for spoken, better in _w()["spoken"].items():
        text = text.replace(spoken, better)
    return with_figures(text)


def find_wish(
    call: DraftInput, purpose: str | None, heard: Heard, *, emergency: bool = False
) -> Value[str | None]:
    """The wish: the answer to the agent's question, else a clause that asks, else by the matter."""
    for turn, said in enumerate(call.turns):
        if said.speaker != AGENT or not any(it in said.text for it in _w()["asks_wish"]):
            continue
        agent = re.search(_w()["agent_wish"], said.text)
        after = call.turns[turn + 1] if turn + 1 < len(call.turns) else None
        if agent and after and after.text.startswith(("对", "是", "嗯", "没错")):
            span = Span(turn, agent.start("wish"), agent.end("wish"), agent["wish"])
            return Value(wished(agent["wish"], purpose), 0.85, because("confirmed"), (span,))
        if after and after.speaker == CITIZEN and len(after.text) >= 5:
            span = Span(turn + 1, 0, len(after.text), after.text)
            return Value(wished(after.text, purpose), 0.8, because("asked_wish"), (span,))
    if emergency:
        return Value(_w()["rescue"], 0.6, because("by_default"))
    return _wish_by_clause(call, purpose) or _wish_by_matter(purpose, heard)


def wished(said: str, purpose: str | None) -> str:
    """A wish as it is written: 能不能把垃圾拉走 as 希望将垃圾拉走."""
    w = _w()
    written: list[str] = []
    for clause in clauses(0, re.sub("你们?|您", "", said)):
        text = re.sub(w["wish_opening"], "", clause.written)
        for spoken, better in w["wish_words"]:
            text = re.sub(spoken, better, text)
        if text and sum(map(len, written)) + len(text) <= LONGEST_WISH:
            written.append(text)
    text = joined(written) or formal(said)[:LONGEST_WISH]
    begins = text.startswith(tuple(w["wish_begins"]))
    return text if begins else str(w["wish_verb"].get(purpose, w["wish_verb"]["求助"])) + text


def _wish_by_clause(call: DraftInput, purpose: str | None) -> Value[str | None] | None:
    for turn, text in reversed(list(call.citizen())):
        found = pattern("wording", "wish").search(text)
        secret = found and pattern("flags", "secrecy_said").search(text[max(0, found.start() - 8) :])
        if found and not secret and len(text) - found.start() >= 5:
            said = text[found.start() :]
            span = Span(turn, found.start(), len(text), said)
            return Value(wished(said, purpose), 0.6, because("wish"), (span,))
    return None


def _wish_by_matter(purpose: str | None, heard: Heard) -> Value[str | None]:
    if purpose is None:
        return Value(None, reason=because("no_wish"))
    if heard.matter is None:
        return Value(None, 0.2, because("no_wish"))
    matter = heard.matter.title.removesuffix("问题")
    return Value(_w()["demand_default"][purpose].format(matter=matter), 0.4, because("by_default"))


def asked_after(title: str) -> str:
    """What a question wants, by its title: 咨询高龄补贴办理方式 is 了解高龄补贴办理方式."""
    w = _w()
    return str(w["wish_verb"]["咨询"]) + title.removeprefix(w["tells"]["咨询"])


def dated(when: When) -> str:
    """A time as it was said, with the day that it means: 昨天晚上（6月9日）."""
    said = with_figures(when.text)
    if when.start is None or not re.search(_w()["needs_day"], said):
        return said
    day = date.fromisoformat(when.start[:10])
    return str(_w()["dated"]).format(said=said, month=day.month, day=day.day)


def make_content(call: DraftInput, values: Mapping[str, str | None], *, secret: bool = False) -> Value[str]:
    """Who, where, when, what, wish, in clean sentences; each clause shows where it was said."""
    w = _w()
    kept: list[Clause] = []
    for clause in _story(call, values):
        if sum(len(it.written) + 1 for it in kept) + len(clause.written) > LONGEST_CONTENT:
            break
        kept.append(clause)
    story = joined([it.written for it in kept])
    parts = {
        name: form.format(with_figures(shown)) if (shown := values.get(name)) else ""
        for name, form in w["content_parts"].items()
        if name != "said"
    }
    if (place := values.get("place")) and with_figures(place.split("、")[0]) in story:
        parts["place"] = ""
    said, day = with_figures(values.get("when") or ""), values.get("dated") or ""
    if said and said in story:
        story, parts["when"] = story.replace(said, day, 1), ""
    elif day:
        parts["when"] = w["content_parts"]["when"].format(day)
    parts["said"] = w["content_parts"]["said"].format(story) if story else ""
    purpose = values.get("purpose")
    text = w["content"].format(
        who=w["who"]["secret" if secret else "plain"],
        tells=w["tells"].get(purpose, w["tells"]["求助"]),
        **parts,
    )
    return Value(text, 0.6, because("from_call"), tuple(it.span for it in kept))


def _story(call: DraftInput, values: Mapping[str, str | None]) -> Iterator[Clause]:
    """The caller's clauses without the place alone, numbers, the wish, and the wish for secrecy."""
    numbers = re.compile(rf"{DIGIT}{{7,}}")
    known = [it for it in (*(values.get("place") or "").split("、"), values.get("when")) if it]
    seen: list[str] = []
    for turn, text in call.citizen():
        for clause in clauses(turn, text):
            said = clause.span.text
            rest = said
            for it in known:
                rest = rest.replace(it, "")
            if (
                numbers.search(said)
                or (len(rest) < _ALONE < len(said))
                or _same(said, values.get("wish_said") or "")
            ):
                continue
            told = pattern("wording", "not_told").sub("", said)
            if len(told) < _ALONE or pattern("flags", "secrecy_said").search(said):
                continue
            if any(clause.written in it or it in clause.written for it in seen):
                continue
            seen.append(clause.written)
            yield clause


def _same(said: str, wish: str) -> bool:
    return bool(wish) and (said in wish or wish in said)
