"""Why the citizen called (目的分类), for the first time or again, and whether it was answered at the desk."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache

from ticketing_bridge.drafting.kinds import runs_of
from ticketing_bridge.drafting.lexicon import any_of, because, pattern, words
from ticketing_bridge.drafting.marks import is_confidential, is_emergency
from ticketing_bridge.drafting.matters import Heard, matter_cues
from ticketing_bridge.drafting.model import DraftInput, Span, Value
from ticketing_bridge.drafting.weighing import in_force

#: nobody in danger calls for these
_NO_CRY = {"咨询", "建议", "表扬", "其他"}
#: characters of an agent who explains
_AN_ANSWER = 8
#: a call without any cue has only these features
_NOTHING_SAID = 1
#: calls of which is remembered what was found: each is asked for several times
_KEPT = 16


@cache
def _cues() -> dict[str, list[tuple[float, re.Pattern[str]]]]:
    return {
        purpose: [(float(weight), re.compile(expression)) for weight, expression in cues]
        for purpose, cues in words("purpose").items()
    }


def _span(turn: int, found: re.Match[str]) -> Span:
    return Span(turn, found.start(), found.end(), found[0])


def choose_purpose(call: DraftInput, heard: Heard, *, party: bool = False) -> Value[str | None]:
    """The likeliest purpose: what the caller says, what the matter usually is, what the agent makes of it."""
    spans: dict[str, list[Span]] = {purpose: [] for purpose in _cues()}
    found = purpose_cues(call, heard, party=party, spans=spans)
    ranked = in_force().purpose.likely(found, runs_of(call))
    if is_emergency(call).value and ranked[0][0] in _NO_CRY:
        ranked = [it for it in ranked if it[0] not in _NO_CRY]
    sent = is_dispatched(call)
    if sent and _new_matter(call, sent) and not citizen_says(call, "withdrawn"):
        ranked = [it for it in ranked if it[0] != "其他"]  # what a unit is to do is a matter
    best, top = ranked[0]
    candidates = tuple(name for name, _ in ranked[1:3])
    if not any(spans.values()) and not heard.matters and len(found) <= _NOTHING_SAID:
        return Value(None, 0.2, because("no_purpose"), (), candidates)
    return Value(best, top, because("as_said"), tuple(spans[best][:3]), candidates)


def purpose_cues(
    call: DraftInput, heard: Heard, *, party: bool, spans: dict[str, list[Span]] | None = None
) -> dict[str, float]:
    """Everything that speaks for a purpose beside the words themselves."""
    found = features(call, heard, party=party, spans=spans or {it: [] for it in _cues()})
    sent = is_dispatched(call)
    return found | matter_cues(heard) | ({"dispatched": 1.0} if sent else {})


def features(
    call: DraftInput, heard: Heard, *, party: bool, spans: dict[str, list[Span]]
) -> dict[str, float]:
    """What speaks for a purpose, by name; only what is there. ``spans`` gets the words found."""
    found = {"const": 1.0}
    for purpose, cues in _cues().items():
        for weight, cue in cues:
            heard_here = [(turn, it) for turn, text in call.citizen() for it in cue.finditer(text)]
            if heard_here:
                more = weight * (1 + 0.2 * min(len(heard_here) - 1, 3))
                found[f"says {purpose}"] = found.get(f"says {purpose}", 0.0) + more
                spans[purpose] += [_span(turn, it) for turn, it in heard_here]
    if heard.matter and heard.matter.lean:
        found[f"usually {heard.matter.lean}"] = 1.0
    found |= {f"agent {purpose}": weight for purpose, weight in _by_agent(call).items()}
    line = choose_line(call).value
    marks = {
        "party": party,
        "repeat": is_repeat(call).value,
        "emergency": is_emergency(call).value,
        "confidential": is_confidential(call).value,
        f"line {line}": line is not None,
    }
    return found | {name: 1.0 for name, there in marks.items() if there}


def _by_agent(call: DraftInput) -> dict[str, float]:
    """What the agent makes of it: an answer given, a matter sent on, a proposal noted."""
    weights = words("lines")["agent_leans"]
    found: dict[str, float] = dict(weights["sent"] if is_dispatched(call) else {})
    if not is_dispatched(call) and _told(call) >= _AN_ANSWER:
        found = dict(weights["answered"])
    for purpose, cue in weights["words"].items():
        if any(turn and re.search(cue, text) for turn, text in call.agent()):
            found[purpose] = found.get(purpose, 0.0) + weights["by_word"]
    return found


def _told(call: DraftInput) -> int:
    """How much the agent explains, in characters: questions and set phrases are no answer."""
    asks = re.compile(words("lines")["agent_leans"]["asks"])
    return sum(len(text) for turn, text in call.agent() if turn and not asks.search(text))


def choose_line(call: DraftInput) -> Value[str | None]:
    """The dedicated line: by the dialled number, else by how the agent answered."""
    if call.dedicated_line:
        return Value(call.dedicated_line, 1.0, because("dialled"))
    for turn, text in list(call.agent())[:2]:
        for line, cue in words("lines")["greetings"].items():
            found = re.search(cue, text)
            if found:
                return Value(line, 0.9, because("agent_greeting"), (_span(turn, found),))
    return Value(None, 0.8, because("no_line"))


def _flag(spans: Iterable[Span], reason: str, sure: float) -> Value[bool]:
    shown = tuple(spans)
    return Value(bool(shown), sure if shown else 0.8, reason if shown else because("not_said"), shown[:3])


@lru_cache(maxsize=_KEPT)
def is_repeat(call: DraftInput) -> Value[bool]:
    """Whether the caller already called the hotline on the same matter."""
    # 头一次是六月份 counts the calls before
    first = re.compile("(?<!不是)" + any_of(words("flags")["no_repeat"]) + "(?!是|嘛|缺|去|在|说|让|交)")
    found = []
    for turn, text in call.citizen():
        if first.search(text):
            return Value(False, 0.85, because("first_time"))
        found += [_span(turn, it) for it in _calls_before(call, turn, text)]
    said = [
        _span(turn, it)
        for turn, text in call.agent()
        for name in ("repeat_agent", "agent_cancels")  # what is taken back was reported before
        for it in pattern("flags", name).finditer(text)
    ]
    return _flag([*found, *said], because("repeat"), 0.85 if found and said else 0.7)


def _calls_before(call: DraftInput, turn: int, text: str) -> Iterator[re.Match[str]]:
    """Where an earlier call is told of; calls to others, and by others, are none."""
    asked = call.question_before(turn)
    other = pattern("flags", "asks_other_office").search(asked) and not pattern("flags", "hotline").search(
        asked + text
    )
    if other:
        return
    others = [it.span() for it in pattern("flags", "no_repeat_here").finditer(text)]
    for found in pattern("flags", "repeat").finditer(text):
        if not any(a < found.end() and found.start() < b for a, b in others):
            yield found


@lru_cache(maxsize=_KEPT)
def is_dispatched(call: DraftInput) -> Span | None:
    """Where the agent sends the matter on."""
    for turn, text in call.agent():
        found = pattern("flags", "dispatch").search(text)
        if found and turn > 0:
            return _span(turn, found)
    return None


def is_answered(call: DraftInput, purpose: str | None) -> Value[bool]:
    """Whether the agent closed it in the call: a question, or no matter at all, and nothing sent on."""
    sent = is_dispatched(call)
    if purpose == "其他" and not (sent and _new_matter(call, sent)):
        return Value(True, 0.7, because("void"))
    if sent:
        return Value(False, 0.85, because("dispatched"), (sent,))
    if purpose in {"咨询", None} and _told(call) >= _AN_ANSWER:
        return Value(True, 0.7, because("answered"))
    return Value(False, 0.6, because("no_answer"))


def citizen_says(call: DraftInput, flag: str) -> bool:
    """Whether the citizen says what the flag stands for."""
    return any(pattern("flags", flag).search(text) for _, text in call.citizen())


def cancelled(call: DraftInput) -> bool:
    """Whether the agent takes an earlier matter back at the caller's wish."""
    return any(turn and pattern("flags", "agent_cancels").search(text) for turn, text in call.agent())


def _new_matter(call: DraftInput, sent: Span) -> bool:
    return bool(re.search("转|派", call.turns[sent.turn].text)) and "撤" not in call.turns[sent.turn].text
