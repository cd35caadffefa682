"""The number on which the citizen wants to be called back, if it is another than the caller's own."""

from __future__ import annotations

import re

from ticketing_bridge.drafting.lexicon import because, words
from ticketing_bridge.drafting.model import AGENT, DraftInput, Span, Value
from ticketing_bridge.drafting.numbers import DIGIT, digits

_RUN = re.compile(rf"{DIGIT}(?:{words('phones')['filler']}{DIGIT})*")
_CORRECTED = re.compile(rf"{words('phones')['corrected']}(?P<tail>{DIGIT}{{1,22}})")
_CALL_ME = re.compile(words("phones")["call_me"])


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"1[3-9]\d{9}", text) or re.fullmatch(r"0\d{2,3}\d{7,8}", text))


def find_callback(call: DraftInput) -> Value[str | None]:
    """The last whole number that the caller gives, corrections applied; numbers from the agent are none."""
    told: set[str] = set()
    best: Value[str | None] = Value(None, reason=because("no_phone"))
    #: the first part of a number that goes on in the caller's next turn
    carried: tuple[str, tuple[Span, ...]] | None = None
    for turn, said in enumerate(call.turns):
        if said.speaker == AGENT:
            told |= {it for it in _numbers(said.text) if it != best.value}
            continue
        for found in _RUN.finditer(said.text):
            number = digits(found[0])
            spans: tuple[Span, ...] = (Span(turn, found.start(), found.end(), found[0]),)
            if carried and found.start() <= 4 and len(number) < 11:
                number, spans = carried[0] + number, (*carried[1], *spans)
            if _is_number(number):
                number, spans = _correct(said.text, number, spans, found.end())
                if number not in told and number != call.caller_number:
                    sure = 0.9 if _CALL_ME.search(said.text) else 0.75
                    best = Value(number, sure, because("phone"), spans)
                carried = None
            elif 3 <= len(number) < 11 and found.end() >= len(said.text) - 2:
                carried = (number, spans)
        if best.value and best.spans[-1].turn < turn:
            best = _late_correction(said.text, turn, best)
    return best


def _numbers(text: str) -> set[str]:
    return {it for it in (digits(found[0]) for found in _RUN.finditer(text)) if _is_number(it)}


def _correct(text: str, number: str, spans: tuple[Span, ...], end: int) -> tuple[str, tuple[Span, ...]]:
    """Apply 末尾说错了是二二七 right after the number."""
    found = _CORRECTED.search(text, end)
    if not found or found.start() > end + 8:
        return number, spans
    return _mended(number, spans, found, spans[-1].turn)


def _late_correction(text: str, turn: int, best: Value[str | None]) -> Value[str | None]:
    found = _CORRECTED.match(text)
    if not found or best.value is None:
        return best
    number, spans = _mended(best.value, best.spans, found, turn)
    return Value(number, best.confidence, best.reason, spans, best.candidates)


def _mended(
    number: str, spans: tuple[Span, ...], found: re.Match[str], turn: int
) -> tuple[str, tuple[Span, ...]]:
    tail = digits(found["tail"])
    if len(tail) == 1 and "一位" not in found[0]:
        return number, spans
    whole = tail[-11:]  # 是六 and then the whole number once more
    if len(tail) > 11 and _is_number(whole):
        tail = whole
    mended = tail if _is_number(tail) else number[: len(number) - len(tail)] + tail
    evidence = Span(turn, found.start("tail"), found.end("tail"), found["tail"])
    return (mended, (*spans, evidence)) if _is_number(mended) else (number, spans)
