"""The number on which the citizen wants to be called back, if it is another than the caller's own."""

from __future__ import annotations

import re

from ticketing_bridge.drafting.model import AGENT, CITIZEN, DraftInput, Span, Value
from ticketing_bridge.drafting.numbers import DIGIT, digits

_FILLER = "(?:嗯|呃|啊|哦|然后|后面是|杠|再|是|那个)?"
_RUN = re.compile(rf"{DIGIT}(?:{_FILLER}{DIGIT})*")
_CORRECTED = re.compile(
    rf"(?:末尾|最后|后面|尾号|后头|结尾|末了)?(?:几位|两位|三位|四位)?(?:嗯|呃|哦|啊)?(?:说错了|不对不对|不对|错了|搞错了)(?:末尾|最后|后面|尾号|后四位|后三位|后两位|应该|的|了)*(?:应该)?(?:是)?(?P<tail>{DIGIT}{{2,11}})"
)
_CALL_ME = re.compile("打|联系|回|电话|号码|手机|找")


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"1[3-9]\d{9}", text) or re.fullmatch(r"0\d{2,3}\d{7,8}", text))


def find_callback(call: DraftInput) -> Value[str | None]:
    """The last whole number that the caller gives, after self-corrections; numbers that the agent gave are none."""
    told: set[str] = set()
    best: Value[str | None] = Value(None, reason="没有另留号码")
    carried: tuple[str, Span] | None = None
    for turn, said in enumerate(call.turns):
        for found in _RUN.finditer(said.text):
            number = digits(found[0])
            span = Span(turn, found.start(), found.end(), found[0])
            if said.speaker == AGENT:
                if _is_number(number) and not (best.value and best.value == number):
                    told.add(number)
                continue
            spans = (span,)
            if carried and found.start() <= 4 and not _is_number(number) and len(number) < 11:
                number, spans = carried[0] + number, (carried[1], span)
            if _is_number(number):
                number, spans = _correct(said.text, number, spans, found.end())
                if number not in told and number != call.caller_number:
                    best = Value(
                        number, 0.9 if _CALL_ME.search(said.text) else 0.75, "来电人另留的号码", spans
                    )
                carried = None
            elif 3 <= len(number) < 11 and found.end() >= len(said.text) - 2 and said.speaker == CITIZEN:
                carried = (number, spans[0]) if len(spans) == 1 else (number, spans[-1])
        if best.value and said.speaker == CITIZEN and best.spans and best.spans[-1].turn < turn:
            best = _late_correction(said.text, turn, best)
    return best


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
    mended = tail if _is_number(tail) else number[: len(number) - len(tail)] + tail
    evidence = Span(turn, found.start("tail"), found.end("tail"), found["tail"])
    return (mended, (*spans, evidence)) if _is_number(mended) else (number, spans)
