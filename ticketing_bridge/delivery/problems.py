"""How a request to another system can fail: what we know of it afterwards is what counts."""

from __future__ import annotations

from facts.errors import HotlineError
from ticketing_bridge.store.outbox_records import AttemptResult


class DeliveryFailed(HotlineError):
    """A request to another system failed."""

    error_id = "delivery-failed"
    result = AttemptResult.FAILED

    def __init__(
        self, message: str, *, retry_after_s: float | None = None, status: int | None = None
    ) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        #: of the answer, when there was one
        self.status = status


class NotArrived(DeliveryFailed):
    """It has surely not been taken."""

    error_id = "delivery-not-arrived"


class InDoubt(DeliveryFailed):
    """Nobody knows whether it was taken."""

    error_id = "delivery-in-doubt"
    result = AttemptResult.UNCERTAIN


class Unconfirmed(InDoubt):
    """It was taken and an id given, but under that id stands nothing of ours: a person has to look.

    Handing it over again would make it as often as it is tried.
    """

    error_id = "delivery-unconfirmed"


class Refused(DeliveryFailed):
    """The other side does not take it as it is."""

    error_id = "delivery-refused"
    result = AttemptResult.REFUSED
