"""Which kind of matter it is, and from that its class and unit: by the city's catalogue."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from config.catalogue import CityData, Matter
from ticketing_bridge.drafting.kinds import runs_of
from ticketing_bridge.drafting.lexicon import any_of, because, once_a_city, pattern
from ticketing_bridge.drafting.model import DraftInput, Span, Value
from ticketing_bridge.drafting.sounds import sound
from ticketing_bridge.drafting.weighing import in_force

#: what the agent says counts less than what the caller says, except where the matter is sent
_AGENT_WEIGHT = 0.25
_DISPATCHED = 4.0
_KEYWORD = 0.5
#: an adopted rule decides: so much more than anything else
_ADOPTED = 4.0
#: a matter of the unit that it was sent to is meant before others, when it was heard so much as well
_SENT_LEAST = 0.35
#: characters between the parts of a word that belong together, and what it counts when they are apart
_NEAR = 12
_APART = 0.4
_BREAK = "\n"
#: words of so many characters may be meant by their sound
_BY_SOUND = 3
#: the class of what endangers people
DANGER = "公共安全"
#: the class of what is answered at the desk
QUESTION = "政务咨询"


@dataclass(slots=True)
class Heard:
    """Words of the catalogue that were heard, by matter and by unit."""

    matters: list[tuple[float, Matter]] = field(default_factory=list)
    units: dict[str, float] = field(default_factory=dict)
    spans: dict[str, list[Span]] = field(default_factory=lambda: defaultdict(list))
    #: the unit that an adopted rule says
    ruled: str | None = None

    @property
    def matter(self) -> Matter | None:
        """The likeliest matter."""
        return self.matters[0][1] if self.matters else None


def _weight(word: str) -> float:
    """Longer words say more; two words that must meet say about as much as one long one."""
    return 1.4 if "+" in word else 0.7 + 0.35 * len(word)


@dataclass(frozen=True, slots=True)
class Speech:
    """One side's turns, joined for fast look-up; no word crosses from one turn into the next."""

    turns: tuple[tuple[int, str], ...]
    joined: str
    sounds: str

    @classmethod
    def of(cls, turns: Iterable[tuple[int, str]]) -> Speech:
        """The turns of the caller or of the agent."""
        said = tuple(turns)
        joined = _BREAK.join(text for _, text in said)
        return cls(said, joined, sound(joined))

    def span(self, at: int, length: int) -> Span:
        """The span of the characters ``at`` of the joined text."""
        for turn, text in self.turns:
            if at < len(text):
                return Span(turn, at, at + length, text[at : at + length])
            at -= len(text) + 1
        raise AssertionError("outside of the text")

    def first(self, word: str) -> Span | None:
        """Where the word was said first."""
        at = self.joined.find(word)
        return self.span(at, len(word)) if at >= 0 else None

    def like(self, sounds: str, length: int) -> Span:
        """What the recogniser printed, in other characters, where these sounds were said."""
        return self.span(self.sounds.count(" ", 0, self.sounds.find(sounds)), length)

    def together(self, parts: Sequence[str]) -> tuple[Span, ...]:
        """Parts that were all said: the first one, and the nearest of the others to it."""
        if len(parts) == 1:
            return (self.span(self.joined.find(parts[0]), len(parts[0])),)
        places = [self._all(part) for part in parts]
        best = min(places[0], key=lambda at: sum(min(abs(at - it) for it in other) for other in places[1:]))
        nearest = [min(other, key=lambda it: abs(best - it)) for other in places[1:]]
        return tuple(self.span(at, len(part)) for at, part in zip((best, *nearest), parts, strict=True))

    def _all(self, word: str) -> list[int]:
        found = []
        at = self.joined.find(word)
        while at >= 0:
            found.append(at)
            at = self.joined.find(word, at + 1)
        return found


def _near(spans: Sequence[Span]) -> bool:
    """Whether the parts of a word stand in one turn, close to each other."""
    same = len({it.turn for it in spans}) == 1
    return same and max(it.start for it in spans) - min(it.end for it in spans) <= _NEAR


def hear(call: DraftInput, data: CityData, places: Sequence[Span] = (), *, emergency: bool = False) -> Heard:
    """Score every matter and unit of the catalogue against the call's words; a place's name counts half.

    When a life is in danger, what endangers it is the matter, if the catalogue knows it.
    """
    citizen, agent = Speech.of(call.citizen()), Speech.of(call.agent())
    heard = Heard()
    listed = _listed(data)
    speeches = tuple(
        (speech, frozenset(it for it in listed.parts if it in speech.joined), weight)
        for speech, weight in ((citizen, 1.0), (agent, _AGENT_WEIGHT))
    )
    for matter, words_of in listed.matters:
        score = _score_matter(matter, words_of, speeches, heard, places)
        if score > 0:
            heard.matters.append((score, matter))
    heard.matters.sort(key=lambda it: -it[0])
    if emergency:
        dangers = [it for it in heard.matters if it[1].appeal == DANGER]
        heard.matters = dangers or heard.matters
    sent = list(_sent_to(data, agent.turns))
    _score_units(data, citizen, sent, heard, places)
    _as_sent(heard, sent)
    return heard


def _as_sent(heard: Heard, sent: Iterable[tuple[str, Span]]) -> None:
    """Where the agent sent it on, a matter of that unit is meant, when one was heard half as well."""
    to = {unit for unit, _ in sent}
    if heard.matter and to and heard.matter.unit not in to:
        least = heard.matters[0][0] * _SENT_LEAST
        heard.matters.sort(key=lambda it: not (it[1].unit in to and it[0] >= least))


@dataclass(frozen=True, slots=True)
class _Word:
    """A word of a matter: its parts, how it sounds when it may be meant by sound, what it counts."""

    parts: tuple[str, ...]
    needs: frozenset[str]
    sounds: str
    weight: float

    @classmethod
    def of(cls, word: str) -> _Word:
        parts = tuple(word.split("+"))
        by_sound = len(parts) == 1 and len(word) >= _BY_SOUND
        return cls(parts, frozenset(parts), sound(word) if by_sound else "", _weight(word))


@dataclass(frozen=True, slots=True)
class _Listed:
    """The catalogue's words, taken apart once."""

    matters: tuple[tuple[Matter, tuple[_Word, ...]], ...]
    parts: frozenset[str]


@once_a_city
def _listed(data: CityData) -> _Listed:
    matters = tuple((it, tuple(map(_Word.of, it.words))) for it in data.matters)
    return _Listed(matters, frozenset(part for _, those in matters for word in those for part in word.parts))


def _score_matter(
    matter: Matter,
    words_of: Sequence[_Word],
    speeches: Sequence[tuple[Speech, frozenset[str], float]],
    heard: Heard,
    places: Sequence[Span],
) -> float:
    score = 0.0
    for word in words_of:
        for speech, said, weight in speeches:
            if word.needs <= said:
                spans = speech.together(word.parts)
                placed = all(any(it.within(place) for place in places) for it in spans)
                apart = 1.0 if len(spans) == 1 or _near(spans) else _APART
                score += weight * apart * word.weight * (0.5 if placed else 1.0)
                heard.spans[matter.title] += spans
                break
        else:
            citizen = speeches[0][0]
            if word.sounds and word.sounds in citizen.sounds:
                score += 0.8 * word.weight
                heard.spans[matter.title].append(citizen.like(word.sounds, len(word.parts[0])))
    return score


def _score_units(
    data: CityData,
    citizen: Speech,
    sent: Sequence[tuple[str, Span]],
    heard: Heard,
    places: Sequence[Span],
) -> None:
    """Units by the matters heard, by keywords, by what the agent says, by the rules that the city adopted.

    Whose a matter is the dispatch catalogue says first, by township where it does; no closed unit is one.
    """
    scores: dict[str, float] = defaultdict(float)
    area = next((it.area for it in data.dispatch if it.area and any(it.area in at.text for at in places)), "")
    for rank, (score, matter) in enumerate(heard.matters[:5]):
        named = (matter.title, *(it.text for it in heard.spans[matter.title])) if data.dispatch else ()
        item = next(filter(None, (data.handler(it, area) for it in named)), None)
        unit = data.open_unit(item.unit if item else matter.unit)
        if unit:
            scores[unit] = max(scores[unit], score - 0.1 * rank)
            heard.spans[unit] = heard.spans[unit] or list(heard.spans[matter.title])
    for known in data.units:
        for word in known.keywords:
            span = citizen.first(word)
            if span:
                scores[known.name] += _KEYWORD
                heard.spans[known.name].append(span)
    for name, span in sent:
        unit = data.open_unit(name)
        if unit:
            scores[unit] += _DISPATCHED
            heard.spans[unit].insert(0, span)
    for ruled, spans in _adopted(data, citizen, heard):
        scores[ruled] = max(scores.values(), default=0.0) + _ADOPTED
        heard.spans[ruled][:0] = spans
        heard.ruled = heard.ruled or ruled
    heard.units = dict(sorted(scores.items(), key=lambda it: -it[1]))


def _adopted(data: CityData, citizen: Speech, heard: Heard) -> Iterable[tuple[str, tuple[Span, ...]]]:
    """The newest adopted rule that fits, with its words: objections upheld say whose such a matter is."""
    classes = {matter.appeal for _, matter in heard.matters[:3]}
    for rule in data.adopted:
        spans = [citizen.first(word) for word in rule.words]
        unit = data.open_unit(rule.unit)
        if unit and rule.words and all(spans) and rule.appeal in classes:
            yield unit, tuple(it for it in spans if it)
            return


@once_a_city
def _aliases(data: CityData) -> tuple[Mapping[str, list[str]], re.Pattern[str]]:
    aliases: dict[str, list[str]] = defaultdict(list)
    for unit in data.units:
        for alias in (unit.name, *unit.aliases):
            aliases[alias].append(unit.name)
    for closed in data.closed:
        aliases[closed].append(closed)
    return aliases, re.compile(any_of(aliases) if aliases else "(?!)")


def _sent_to(data: CityData, agent: Sequence[tuple[int, str]]) -> Iterable[tuple[str, Span]]:
    """Units that the agent names where the matter is sent on; the longest name counts."""
    aliases, named = _aliases(data)
    for turn, text in agent:
        for found in named.finditer(text):
            if not pattern("flags", "sends").search(text[max(0, found.start() - 14) : found.start()]):
                continue
            for unit_name in aliases[found[0]]:
                yield unit_name, Span(turn, found.start(), found.end(), found[0])


def matter_cues(heard: Heard) -> dict[str, float]:
    """What the catalogue hears, as cues: the likeliest matters, their classes and the unit."""
    scores = _by_appeal(heard)
    whole = math.fsum(scores.values()) + 1.0
    cues = {f"class {name}": 3.0 * score / whole for name, score in scores.items()}
    cues |= {f"matter {rank} {it.title}": 1.0 for rank, (_, it) in enumerate(heard.matters[:3])}
    if heard.matter:
        cues |= {f"first class {heard.matter.appeal}": 1.0, f"first unit {heard.matter.unit}": 1.0}
    unit = next(iter(heard.units), None)
    return cues | ({f"unit {unit}": 1.0} if unit else {})


def _by_appeal(heard: Heard) -> dict[str, float]:
    scores: dict[str, float] = defaultdict(float)
    for score, matter in heard.matters[:6]:
        scores[matter.appeal] = max(scores[matter.appeal], score) + 0.25 * min(scores[matter.appeal], score)
    return dict(scores)


def appeal_cues(heard: Heard, *, answered: bool, emergency: bool) -> dict[str, float]:
    """What speaks for a class beside the words themselves."""
    marks = {"answered": answered, "emergency": emergency, "nothing heard": not heard.matters}
    return {"const": 1.0} | matter_cues(heard) | {name: 1.0 for name, there in marks.items() if there}


def choose_appeal(
    call: DraftInput, heard: Heard, *, answered_question: bool, emergency: bool = False
) -> Value[str | None]:
    """The appeal class. A question answered at the desk is a 政务咨询, danger is 公共安全.

    Where the city has classes of its own, the catalogue alone decides.
    """
    spans = tuple(heard.spans[heard.matter.title][:3]) if heard.matter else ()
    scores = _by_appeal(heard)
    model = in_force().appeal
    if not set(scores) <= set(model.labels):
        return _best(scores, because("by_matter"), spans, least=0.8)
    ranked = model.likely(appeal_cues(heard, answered=answered_question, emergency=emergency), runs_of(call))
    if emergency or answered_question:
        sure = DANGER if emergency else QUESTION
        ranked = [(sure, 0.95), *(it for it in ranked if it[0] != sure)]
    best, share = ranked[0]
    return Value(best, share, because("by_matter"), spans, tuple(name for name, _ in ranked[1:4]))


def choose_unit(heard: Heard) -> Value[str | None]:
    """The unit, by the agent's own words first, then by the catalogue."""
    best = next(iter(heard.units), None)
    spans = tuple(heard.spans[best][:3]) if best else ()
    if best and heard.matter and best == heard.matter.unit:
        spans = spans or tuple(heard.spans[heard.matter.title][:3])
    reason = "by_rule" if best and best == heard.ruled else "by_unit"
    return _best(heard.units, because(reason), spans, least=0.9)


def _best(
    scores: Mapping[str, float], reason: str, spans: tuple[Span, ...], *, least: float
) -> Value[str | None]:
    """The best of the scores, empty when it is weak; the next ones are candidates."""
    ranked = sorted(scores.items(), key=lambda it: -it[1])
    if not ranked:
        return Value(None, reason=because("no_words"))
    (best, top), rest = ranked[0], ranked[1:]
    second = rest[0][1] if rest else 0.0
    confidence = min(0.98, (top / (top + second + 1.0)) + min(top, 6) / 20)
    candidates = tuple(name for name, _ in ranked[:4])
    if top < least:
        return Value(None, confidence, because("too_little"), (), candidates)
    return Value(best, confidence, reason, spans, candidates[1:])
