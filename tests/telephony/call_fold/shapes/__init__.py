"""Shapes of calls, played on a real PBX by telephones over SIP (``tests.telephony.call_fold.record``)."""

from tests.telephony.call_fold.shapes import answered, at_the_desk, journeys, missed, outages, transfers
from tests.telephony.call_fold.shapes.stage import SHAPES, Stage

__all__ = ["SHAPES", "Stage", "answered", "at_the_desk", "journeys", "missed", "outages", "transfers"]
