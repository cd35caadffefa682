"""Calls put together by chance from what people say round places and parties: labelled by how they are made.

Labelled calls by hand are few, and each tells of one way to put it. Openings, troubles, questions and answers
combined (``data/utterances.yaml``) show the model many more; the names in them are invented.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

from ticketing_bridge.drafting.invented import Inventor
from ticketing_bridge.drafting.lexicon import any_of, word_list, words

#: in so many the hotline speaks first
_GREETED = 0.5
_GREETINGS = ("您好请讲", "您好", "您好幺二三四五", "您好请问有什么可以帮您", "请讲")
_SLOT = re.compile(r"\{([^}]+)\}")
#: characters of a sentence that only names somebody: 牌子上写的{Y}
_A_NAMING = 9
_PLATE = "零幺二三四五六七八九"


def composed(count: int) -> Iterator[dict[str, Any]]:
    """So many calls, labelled with places and party, as rows of labelled data; always the same ones."""
    for number in range(count):
        yield _Composer(f"composed/{number}").row()


@cache
def _sides() -> re.Pattern[str]:
    """Places that have their side with them: nothing is put behind them."""
    return re.compile(f"(?:{any_of(word_list('places', 'tail'))}|[头段角路米层厅]|[一二三四五六七八九顶]楼)$")


class _Composer:
    """One call in the making."""

    def __init__(self, seed: str) -> None:
        self.seed = seed
        self.inventor = Inventor(seed)
        self.draw = self.inventor.draw
        self.forms = words("utterances")
        self.names: dict[str, list[str]] = {
            kind: names.split() for kind, names in self.forms["parties"].items()
        }
        self.turns: list[tuple[str, str]] = []
        self.places: list[str] = []
        self.party: str | None = None

    def row(self) -> dict[str, Any]:
        """The call as a line of labelled data."""
        if self._chance(_GREETED):
            self._agent(self.draw.choice(_GREETINGS))
        self.draw.choices(
            (
                self._told,
                self._asked_where,
                self._told_and_asked,
                self._nowhere,
                self._blamed,
                self._asked_who,
            ),
            weights=(30, 20, 16, 8, 18, 10),
        )[0]()
        if self.party is None and self._chance(0.12):
            self._citizen(self._filled("blameless"))
        if self._chance(0.2):
            self._citizen(self._filled("nowhere"))
        turns = [
            {"speaker": who, "text": text, "start": 2 * at, "end": 2 * at + 1}
            for at, (who, text) in enumerate(self.turns)
        ]
        gold = {"places": [*dict.fromkeys(self.places)], "party": self.party}
        return {
            "id": self.seed,
            "call_start": "2026-05-12T10:00:00+08:00",
            "caller_number": None,
            "turns": turns,
            "gold": gold,
        }

    def _told(self) -> None:
        self._citizen(self._utterance())

    def _asked_where(self) -> None:
        self._citizen(self._filled("leads") + self._filled("troubles"))
        self._agent(self._filled("asks"))
        self._citizen(self._answer())

    def _told_and_asked(self) -> None:
        self._citizen(self._utterance())
        self._agent(self._filled("asks"))
        self._citizen(self._answer())

    def _nowhere(self) -> None:
        self._citizen(self._maybe(0.5, "leads") + self._filled("nowhere"))
        self._agent(self._filled("asks"))
        self._citizen(self._filled(self.draw.choice(("nowhere", "party_unknown"))))

    def _blamed(self) -> None:
        kind = "people" if self._chance(0.25) else "blames"
        before = self._utterance() if self._chance(0.3) else self._maybe(0.6, "leads")
        self._citizen(before + self._filled(kind) + self._maybe(0.4, "troubles"))

    def _asked_who(self) -> None:
        self._citizen(self._utterance())
        self._agent(self._filled("party_asks"))
        known = self.draw.choice(("{Y}", "{Y}", "是{Y}", "叫{Y}", "叫{S}", "{S}", *self._namings()))
        self._citizen(self._fill(known) if self._chance(0.7) else self._filled("party_unknown"))

    def _namings(self) -> list[str]:
        """What tells a name alone, as one answers who it is: neither a place nor what was done."""
        return [it for it in self.forms["blames"] if len(it) <= _A_NAMING and "{P" not in it]

    def _utterance(self) -> str:
        """A matter told in one breath."""
        said = self._maybe(0.75, "leads") + self._maybe(0.15, "leads")
        kind = self.draw.random()
        if kind < 0.55:
            second = self.draw.choice(("和", "跟", "到", "靠近", "还有", "往"))
            said += self._fill("{P}") + (self._fill(second + "{Q}") if self._chance(0.12) else "")
            said += self._maybe(0.45, "after") + self._filled("troubles")
        else:
            said += self._filled("sentences" if kind < 0.9 else "nowhere")
        return said + self._maybe(0.4, self.draw.choice(("troubles", "troubles", "troubles", "nowhere")))

    def _answer(self) -> str:
        form = self.draw.choice(self.forms["answers"])
        said = self._fill(form)
        if "不对" in form:
            del self.places[-2]
        said += self._maybe(0.35, self.draw.choice(("after", "troubles")))
        return (self.draw.choice(("嗯", "呃", "就", "那个", "哎", "哦")) if self._chance(0.15) else "") + said

    def _filled(self, kind: str) -> str:
        return self._fill(self.draw.choice(self.forms[kind]))

    def _maybe(self, chance: float, kind: str) -> str:
        return self._filled(kind) if self._chance(chance) else ""

    def _fill(self, form: str) -> str:
        return _SLOT.sub(lambda it: self._slot(it[1]), form)

    def _slot(self, name: str) -> str:
        if name[0] in "PQ":
            return self._place(name[2:])
        made: dict[str, Callable[[], str]] = {
            "N": self.inventor.some_place,
            "Y": partial(self._blame, self._firm),
            "S": partial(self._blame, self._person),
            "车": partial(self._blame, self._plate),
            "线": partial(self._blame, self._bus),
            "Z": lambda: self._firm() if self._chance(0.5) else self.draw.choice(self.names["neutral"]),
            "姓": lambda: self.draw.choice(self.names["surnames"][0]),
        }
        return made[name]()

    def _place(self, side: str) -> str:
        place = self.inventor.some_place()
        if side and not _sides().search(place):
            place += side
        self.places.append(place)
        return place

    def _blame(self, make: Callable[[], str]) -> str:
        self.party = make()
        return self.party

    def _firm(self) -> str:
        kind = self.draw.random()
        if kind < 0.1:
            return self.draw.choice(self.names["offices"])
        trade = self.draw.choice(self.names["trades"])
        if kind < 0.2:
            return f"老{self.draw.choice(self.names['surnames'][0])}家{trade}"
        if kind < 0.3:
            trade = self.draw.choice(word_list("parties", "endings"))
        return self.inventor.stem(2, 4 if self._chance(0.2) else 3) + trade

    def _person(self) -> str:
        if self._chance(0.5):
            return self.draw.choice(self.names["people"])
        return self.draw.choice(self.names["surnames"][0]) + self.draw.choice(self.names["given"])

    def _plate(self) -> str:
        number = "".join(self.draw.choice(_PLATE) for _ in range(5))
        return self.draw.choice("青甘川陕藏") + self.draw.choice("abcehgd") + number

    def _bus(self) -> str:
        return (
            self.draw.choice(("", "", "", "十", "二十"))
            + self.draw.choice(_PLATE[2:])
            + self.draw.choice(("路车", "路公交", "路公交车"))
        )

    def _chance(self, share: float) -> bool:
        return self.draw.random() < share

    def _agent(self, text: str) -> None:
        self.turns.append(("agent", text))

    def _citizen(self, text: str) -> None:
        self.turns.append(("citizen", text))
