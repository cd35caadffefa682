"""What both sides say, as two sound files that begin at the same moment.

Each side's file holds its own turns at their places and silence between, so that once both
are started together it is known to the sample when every word was said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from telephony.simulation.draw import talk_data
from telephony.simulation.scenario import PlannedCall, ScenarioCall, Turn, Who
from voice.pcm import TELEPHONE_RATE, Pcm, duration_s, silence
from voice.synthesis import VOICES, Voice, synthesise_many
from voice.wav import write_wav

#: silence before the first turn: a person needs a moment after answering
LEAD_S = 0.8
#: quiet time in which a dialogue without any words passes
QUIET_S = 4.0


@dataclass(frozen=True, slots=True)
class SpokenTurn:
    """One turn and its place; seconds count from the common start of both files."""

    who: Who
    text: str
    start_s: float
    end_s: float
    #: end of audible sound, before the synthesiser's own silence
    voiced_end_s: float


@dataclass(frozen=True, slots=True)
class Dialogue:
    """Both sides' files (without ``.wav``, as Asterisk wants them) and all turns in order."""

    citizen: Path
    agent: Path
    turns: tuple[SpokenTurn, ...]
    length_s: float
    #: files of what is said while no agent is there, in the order of the script
    messages: tuple[Path, ...] = ()
    #: file of what is said when the hotline phones this citizen
    phoned: Path | None = None


def turns_of(call: ScenarioCall) -> tuple[Turn, ...]:
    """The dialogue in full: a script without agent turns gets the agent's opening and closing."""
    said = tuple(turn for turn in call.says if not (call.mute and turn.who is Who.CITIZEN))
    if any(turn.who is Who.AGENT for turn in said):
        return said
    data = talk_data()
    closing = (Turn(who=Who.AGENT, text=data.default_closing),) if said else ()
    return (Turn(who=Who.AGENT, text=data.default_opening, pause_s=0.0), *said, *closing)


def voices_of(call: PlannedCall) -> Mapping[Who, Voice]:
    """A citizen's voice by the call's place in the list; agents' voices go round too."""
    citizens = sorted(name for name in VOICES if name.startswith("citizen_"))
    agents = sorted(name for name in VOICES if name.startswith("agent_"))
    return {
        Who.CITIZEN: VOICES[citizens[call.index % len(citizens)]],
        Who.AGENT: VOICES[agents[call.index % len(agents)]],
    }


def speak_all(calls: Sequence[PlannedCall], folder: Path) -> dict[str, Dialogue]:
    """Render every call's dialogue into ``folder``; blocks (about 1 s of work for a minute of speech)."""
    wanted = [(turn.text, voices_of(call)[turn.who]) for call in calls for turn in turns_of(call.call)]
    wanted += [(text, voices_of(call)[Who.CITIZEN]) for call in calls for text in _alone(call.call)]
    different = list(dict.fromkeys(wanted))
    sounds = dict(zip(different, _spoken(different), strict=True))
    dialogues: dict[str, Dialogue] = {}
    for call in calls:
        voices = voices_of(call)
        parts = [(turn, sounds[turn.text, voices[turn.who]]) for turn in turns_of(call.call)]
        dialogue = lay_out(parts, folder / f"{call.id}-citizen", folder / f"{call.id}-agent")
        said = [sounds[text, voices[Who.CITIZEN]] for text in _alone(call.call)]
        files = [folder / f"{call.id}-alone{number}" for number in range(len(said))]
        for path, sound in zip(files, said, strict=True):
            write_wav(path.with_name(path.name + ".wav"), sound)
        count = len(call.call.messages)
        dialogues[call.id] = replace(
            dialogue, messages=tuple(files[:count]), phoned=files[count] if len(files) > count else None
        )
    return dialogues


def _alone(call: ScenarioCall) -> list[str]:
    """What is said to no agent: messages, then the words of a citizen who is phoned."""
    later = [call.phoned.says] if call.phoned and call.phoned.says else []
    return [message.text for message in call.messages] + later


def _spoken(items: Sequence[tuple[str, Voice]]) -> Iterable[Pcm]:
    return synthesise_many(items, TELEPHONE_RATE, timeout_s=60.0 + len(items)) if items else ()


def lay_out(parts: Sequence[tuple[Turn, Pcm]], citizen: Path, agent: Path) -> Dialogue:
    """Place the turns one after the other and write both sides' files."""
    at_s = LEAD_S
    turns: list[SpokenTurn] = []
    for turn, sound in parts:
        start_s = at_s + turn.pause_s
        at_s = start_s + duration_s(sound)
        turns.append(SpokenTurn(turn.who, turn.text, start_s, at_s, start_s + _voiced_s(sound)))
    length_s = max(at_s + 0.2, QUIET_S)
    for who, path in ((Who.CITIZEN, citizen), (Who.AGENT, agent)):
        track = silence(length_s)
        for spoken, (_, sound) in zip(turns, parts, strict=True):
            if spoken.who is who:
                first = round(spoken.start_s * TELEPHONE_RATE)
                track[first : first + len(sound)] = sound
        write_wav(path.with_name(path.name + ".wav"), track)
    return Dialogue(citizen, agent, tuple(turns), length_s)


def _voiced_s(sound: Pcm) -> float:
    """Seconds until the last sample that can be heard."""
    loud = np.flatnonzero(np.abs(sound.astype(np.int32)) > 300)
    return duration_s(sound[: int(loud[-1]) + 1]) if len(loud) else duration_s(sound)


STRANGER = "stranger"


def speak_to_stranger(folder: Path) -> Dialogue:
    """What an agent says to a caller who is not of the scenario: a real telephone on the trunk."""
    turn = Turn(who=Who.AGENT, text=talk_data().default_opening)
    (sound,) = _spoken([(turn.text, VOICES["agent_f1"])])
    return lay_out([(turn, sound)], folder / f"{STRANGER}-citizen", folder / f"{STRANGER}-agent")


_NOT_SPOKEN = re.compile(r"[\s，。！？、；：,.!?;:…“”\"'（）()《》—-]+")


def plain(text: str) -> str:
    """Text without punctuation and spaces, as a recogniser writes it."""
    return _NOT_SPOKEN.sub("", text)
