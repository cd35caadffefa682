"""Hearing the answer to a spoken question, and not hearing it in time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from facts.audio import TapRequest
from facts.caller_session import Utterance
from facts.errors import HotlineError
from facts.identity import CallKey
from facts.transcript import Leg, LiveText, Word
from ticketing_bridge.journeys.ears import NOBODY, Answer, Ears
from ticketing_bridge.live.broadcast import LiveBroadcast

KEY = CallKey("city", "city-1.1")


@dataclass
class Room:
    """Speech role and PBX: what they were asked, and what the caller says."""

    folder: Path
    broadcast: LiveBroadcast
    told: bool = True
    refuses: HotlineError | None = None
    tapped: asyncio.Event = field(default_factory=asyncio.Event)
    requests: list[TapRequest] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    spoke: int = 0

    async def expect(self, request: TapRequest) -> None:
        if self.refuses:
            raise self.refuses
        self.requests.append(request)

    async def start(self, request: TapRequest) -> None:
        self.tapped.set()

    async def stop(self, stream: str) -> None:
        self.stopped.append(stream)

    async def may_hear(self, channel: str) -> bool:
        return self.told

    def say(
        self,
        text: str,
        *,
        final: bool = True,
        stream: str = "",
        confidence: float = 0.9,
        unheard: bool = False,
    ) -> None:
        words = tuple(Word(it, 0, 1, confidence) for it in text.split()) if final else ()
        stream = stream or self.requests[0].stream
        self.broadcast.send(LiveText(str(KEY), Leg.CALLER, 0, final, text, 0, 1, words, stream, unheard))

    def _spoke(self) -> None:
        self.spoke += 1

    def asking(self, first_ms: int = 30_000, most_ms: int = 30_000) -> asyncio.Task[Utterance]:
        ears = Ears(
            self, self, self.folder / "live.sock", self.folder / "speech.json", self.may_hear,
            lambda phrases: (*phrases, "[unk]"),
        )  # fmt: skip
        return asyncio.create_task(
            ears.hear(
                KEY,
                "PJSIP/x",
                "x.1",
                phrases=("是", "不 是"),
                first_timeout_ms=first_ms,
                most_ms=most_ms,
                prompt_over=self.over,
                on_speech=self._spoke,
            )
        )


@pytest_asyncio.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with LiveBroadcast(tmp_path / "live.sock") as broadcast:
        yield Room(tmp_path, broadcast)


async def test_an_answer_ends_with_its_first_final_words(room: Room) -> None:
    asking = room.asking()
    await room.tapped.wait()
    (request,) = room.requests
    assert (request.grammar, request.question, request.channel_uniqueid) == (
        ("是", "不 是", "[unk]"),
        True,
        "x.1",
    )
    room.say("别人", stream="another")
    room.say("不", final=False)
    room.say("[unk] 不 是", confidence=0.7)
    assert await asking == Utterance("不是", 0.7)
    assert room.spoke == 2
    assert room.stopped == [request.stream], "the tap ends with the answer"


async def test_silence_after_the_question_is_an_answer_without_words(room: Room) -> None:
    asking = room.asking(first_ms=50)
    await room.tapped.wait()
    await asyncio.sleep(0.2)
    assert not asking.done(), "silence counts from the question's end"
    room.over.set()
    assert await asking == Utterance()


async def test_somebody_who_goes_on_talking_is_heard_to_the_limit_only(room: Room) -> None:
    room.over.set()
    asking = room.asking(first_ms=20_000, most_ms=500)
    await room.tapped.wait()
    room.say("我", final=False)
    assert await asking == Utterance()


async def test_where_nobody_can_listen_it_is_said_within_a_second(room: Room) -> None:
    room.refuses = HotlineError("no")
    assert await room.asking() == NOBODY
    room.refuses, room.told = None, False
    assert await room.asking() == NOBODY, "no notice, no transcription"
    room.told = True
    status = {"listening": 3, "deferred": 1, "questions": 3, "capacity": 3}
    (room.folder / "speech.json").write_text(json.dumps(status))
    assert await room.asking() == NOBODY, "only questions are heard: none leaves its place"
    (room.folder / "speech.json").unlink()
    await room.broadcast.__aexit__(None, None, None)
    assert await room.asking() == NOBODY, "no live words"
    assert not room.requests


async def test_a_speech_role_that_dies_leaves_no_caller_waiting(room: Room) -> None:
    asking = room.asking()
    await room.tapped.wait()
    await room.broadcast.__aexit__(None, None, None)
    assert await asking == NOBODY


@pytest.mark.parametrize(
    ("heard", "ends"),
    [([], None), ([("是", True, 1.0)], 1.3), ([("是", True, 1.0), ("是不", False, 1.1)], None)],
)
def test_when_an_answer_is_complete(heard: list[tuple[str, bool, float]], ends: float | None) -> None:
    answer = Answer(5, 10)
    for text, final, at in heard:
        answer.take(LiveText(str(KEY), Leg.CALLER, 0, final, text, 0, 1), at)
    assert answer.ends_at() == ends
    answer.over_at = 2.0
    assert answer.ends_at() == (ends or (12.0 if heard else 7.0))


async def test_a_voice_whose_words_are_still_to_come_is_no_silence(room: Room) -> None:
    room.over.set()
    asking = room.asking(first_ms=150, most_ms=20_000)
    await room.tapped.wait()
    room.say("", final=False, unheard=True)
    await asyncio.sleep(0.3)
    assert not asking.done(), "the recogniser is late"
    room.say("是")
    assert await asking == Utterance("是", 0.9)


def test_a_voice_is_waited_for_as_long_as_the_flow_reckons_with() -> None:
    answer = Answer(5, 10, over_at=2.0)
    answer.take(LiveText(str(KEY), Leg.CALLER, 0, False, "", 0, 1, unheard=True), 3.0)
    assert answer.ends_at() == 17.0
    answer.take(LiveText(str(KEY), Leg.CALLER, 0, False, "", 0, 1), 4.0)
    assert answer.ends_at() == 7.0, "it was a noise"
