"""Title, wish and content in written language, composed of what was heard."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from ticketing_bridge.drafting.lexicon import any_of, because, pattern, words
from ticketing_bridge.drafting.matters import Heard
from ticketing_bridge.drafting.model import AGENT, CITIZEN, DraftInput, Span, Value
from ticketing_bridge.drafting.numbers import DIGIT, with_figures

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
            return Value(written(agent["wish"])[:LONGEST_WISH], 0.85, because("confirmed"), (span,))
        if after and after.speaker == CITIZEN and len(after.text) >= 5:
            return Value(
                written(after.text)[:LONGEST_WISH],
                0.8,
                because("asked_wish"),
                (Span(turn + 1, 0, len(after.text), after.text),),
            )
    if emergency:
        return Value(_w()["rescue"], 0.6, because("by_default"))
    return _wish_by_clause(call) or _wish_by_matter(purpose, heard)


def _wish_by_clause(call: DraftInput) -> Value[str | None] | None:
    for turn, text in reversed(list(call.citizen())):
        found = pattern("wording", "wish").search(text)
        secret = found and pattern("flags", "confidential").search(text[max(0, found.start() - 8) :])
        if found and not secret and len(text) - found.start() >= 5:
            said = text[found.start() :]
            span = Span(turn, found.start(), len(text), said)
            return Value(written(said)[:LONGEST_WISH], 0.6, because("wish"), (span,))
    return None


def _wish_by_matter(purpose: str | None, heard: Heard) -> Value[str | None]:
    if purpose is None:
        return Value(None, reason=because("no_wish"))
    if heard.matter is None:
        return Value(None, 0.2, because("no_wish"))
    matter = heard.matter.title.removesuffix("问题")
    return Value(_w()["demand_default"][purpose].format(matter=matter), 0.4, because("by_default"))


def make_content(call: DraftInput, values: Mapping[str, str | None]) -> Value[str]:
    """Who, where, when, what, wish, in clean sentences."""
    w = _w()
    parts = {
        name: form.format(with_figures(shown)) if (shown := values.get(name)) else ""
        for name, form in w["content_parts"].items()
        if name != "said"
    }
    said = [written(text) for text in _story(call, values)]
    story = "，".join(text for text in said if len(text) >= 6)[:LONGEST_CONTENT]
    parts["said"] = w["content_parts"]["said"].format(story) if story else ""
    text = w["content"].format(purpose=values.get("purpose") or w["tells"], **parts)
    spans = tuple(Span(turn, 0, len(text_), text_) for turn, text_ in call.citizen() if len(text_) >= 6)
    return Value(text, 0.6, because("from_call"), spans)


def _story(call: DraftInput, values: Mapping[str, str | None]) -> Iterator[str]:
    """The caller's sentences without the place alone, numbers, and the wish for secrecy."""
    numbers = re.compile(rf"{DIGIT}{{7,}}")
    places = [it for it in (values.get("place") or "").split("、") if it]
    known = [*places, *filter(None, [values.get("when")])]
    for _, text in call.citizen():
        if numbers.search(text):
            continue
        rest = text
        for it in known:
            rest = rest.replace(it, "")
        if len(rest) < _ALONE < len(text):
            continue
        wish = values.get("wish")
        told = pattern("wording", "not_told").sub("", text)
        if wish and written(told) == wish:
            continue
        yield told
