"""What a call left behind besides a talk: answers given to a flow, a message, a promise, a judgement."""

from __future__ import annotations

from dataclasses import dataclass

from config.hotline import Hotline
from facts.call import Call
from ticketing_bridge.desk.callback_view import CallbackView, callback_view
from ticketing_bridge.desk.journey_labels import journey_labels
from ticketing_bridge.store.journey_records import Callback


@dataclass(frozen=True, slots=True)
class JourneyView:
    """All of it; ``empty`` when there is nothing to show."""

    answers: tuple[tuple[str, str], ...]
    #: the message's length in seconds
    voicemail_s: float | None
    survey: str | None
    callback: CallbackView | None
    transfer: str | None

    @property
    def empty(self) -> bool:
        return not (
            self.answers or self.voicemail_s is not None or self.survey or self.callback or self.transfer
        )


def journey_view(call: Call, callback: Callback | None, hotline: Hotline) -> JourneyView:
    """What a call left behind, as people see it."""
    words = journey_labels().survey
    score = call.survey_score
    target = next((it.name for it in hotline.emergency if it.id == call.transfer_target), None)
    return JourneyView(
        answers=call.answers,
        voicemail_s=(call.voicemail_ms or 0) / 1000 if call.voicemail else None,
        survey=None if score is None else f"{score} 分，{words.get(score, '')}".rstrip("，"),
        callback=callback_view(callback, hotline) if callback else None,
        transfer=target or call.transfer_target,
    )
