"""What a flow may name that is not in its file: the hotline's queues, numbers, hours, other flows, limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from config.hotline import Hotline
from ivr_flows.schema import Flow, Purpose
from ivr_flows.speech_length import estimated_speech_ms
from ivr_flows.texts import line_context

#: the same limit where a hotline's flows are proven: two minutes of questions are no guarantee any more
MOST_PERSON_MS = 120_000
#: milliseconds that the PBX needs for itself between a call's arrival and its queue
PBX_MS = 200


@dataclass(frozen=True, slots=True)
class Limits:
    """The citizen's guarantee and what is bearable, in milliseconds."""

    #: a silent caller is in the queue after this time, from arrival on, the dialplan's notice included
    most_silent_ms: int | None = 8000
    #: keys that a caller must press to come to a person
    most_keys: int = 0
    #: who does nothing while waiting, after a call or where nobody could be had
    most_other_silent_ms: int = 90_000
    #: longest way from arrival to a person, of one who answers everything, and answers late
    most_person_ms: int | None = None
    #: one question, said once
    most_question_ms: int = 15_000
    #: all that one node says in one go
    most_said_ms: int = 40_000


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Everything around a flow that is checked. What is None is not known and not checked."""

    queues: frozenset[str] | None = None
    emergency: frozenset[str] | None = None
    hours: frozenset[str] | None = None
    #: other flows by id
    flows: Mapping[str, Flow] | None = None
    #: what the templates say on each line
    contexts: Sequence[Mapping[str, str]] = ()
    #: ids of the lines whose callers arrive in a flow, by the flow's id
    lines: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: what the dialplan plays before a flow of arrival
    notice: str = ""
    limits: Limits = field(default_factory=Limits)
    speech_ms: Callable[[str], int] = estimated_speech_ms
    #: whether a voice can say a text
    can_be_said: Callable[[str], bool] | None = None
    #: whether there is a studio recording of a text
    has_recording: Callable[[str], bool] | None = None

    def narrowed_to(self, flow: str) -> Surroundings:
        """The same with the lines whose callers arrive in this flow; with all of them when none does."""
        own = tuple(it for it in self.contexts if it.get("line.id") in self.lines.get(flow, ()))
        return replace(self, contexts=own or self.contexts)


def surroundings_of(
    hotline: Hotline,
    flows: Mapping[str, Flow] | None = None,
    *,
    speech_ms: Callable[[str], int] = estimated_speech_ms,
    can_be_said: Callable[[str], bool] | None = None,
    has_recording: Callable[[str], bool] | None = None,
) -> Surroundings:
    """The surroundings of every flow of a hotline."""
    return Surroundings(
        queues=frozenset(queue.id for queue in hotline.queues),
        emergency=frozenset(service.id for service in hotline.emergency),
        hours=frozenset(hotline.hours),
        flows=flows,
        contexts=tuple(line_context(hotline, line) for line in hotline.lines),
        lines={
            flow: tuple(line.id for line in hotline.lines if line.flow == flow)
            for flow in {line.flow for line in hotline.lines}
        },
        notice=hotline.notice,
        limits=Limits(
            most_silent_ms=hotline.guarantee.most_silent_ms,
            most_keys=hotline.guarantee.most_keys,
            most_person_ms=MOST_PERSON_MS,
        ),
        speech_ms=speech_ms,
        can_be_said=can_be_said,
        has_recording=has_recording,
    )


def most_hour_notice_ms(hotline: Hotline, speech_ms: Callable[[str], int] = estimated_speech_ms) -> int:
    """How long a notice of the hour may take, so that a silent caller is in the queue in time."""
    return hotline.guarantee.most_silent_ms - PBX_MS - speech_ms(hotline.notice)


def uses_of(hotline: Hotline) -> dict[str, list[tuple[str, Purpose]]]:
    """Flows that the configuration names: by id, with the place that names it and the purpose asked."""
    uses: dict[str, list[tuple[str, Purpose]]] = {}

    def use(flow: str | None, place: str, purpose: Purpose) -> None:
        if flow:
            uses.setdefault(flow, []).append((place, purpose))

    for line in hotline.lines:
        use(line.flow, f"line {line.id}", Purpose.ARRIVAL)
    for queue in hotline.queues:
        use(queue.otherwise, f"queue {queue.id}, otherwise", Purpose.NO_AGENT)
        for key, choice in queue.keys.items():
            use(choice.flow, f"queue {queue.id}, key {key}", Purpose.WAITING)
    use(hotline.survey, "survey", Purpose.AFTER)
    use(hotline.follow_up.flow, "follow_up", Purpose.OUTBOUND)
    return uses
