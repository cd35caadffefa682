"""What an attempt's result makes of a delivery, and when it is tried again. Pure; drawn in the docs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from config.delivery import RetryPolicy
from ticketing_bridge.store.outbox_records import AttemptResult as R
from ticketing_bridge.store.outbox_records import DeliveryState as S

#: a result that is worth another try leaves these; how often, the policy says
_AGAIN: Final = frozenset({R.FAILED, R.UNCERTAIN})

#: what follows what: an attempt's result in the state ``sending``
AFTER: Final[Mapping[R, S]] = {
    R.ACCEPTED: S.DELIVERED,
    R.FOUND: S.DELIVERED,
    R.FAILED: S.WAITING,
    R.UNCERTAIN: S.WAITING,
    R.REFUSED: S.DEAD,
    R.FORBIDDEN: S.WITHHELD,
    R.NOT_YET: S.WAITING,
    R.OVERTAKEN: S.DROPPED,
}
assert AFTER.keys() == set(R), "every result leads somewhere"

#: for so long at most another system puts us off, seconds
LONGEST_S: Final = 86_400.0
#: what a person may do: send again, give up
RESENDABLE: Final = frozenset({S.DEAD, S.DROPPED, S.WITHHELD})
DROPPABLE: Final = frozenset({S.WAITING, S.DEAD, S.WITHHELD})
#: nothing more happens by itself
FINAL: Final = frozenset({S.DELIVERED, S.WITHHELD, S.DEAD, S.DROPPED})


@dataclass(frozen=True, slots=True)
class Next:
    """What becomes of a delivery; ``pause_s`` until the next attempt while it waits."""

    state: S
    pause_s: float = 0.0
    #: an attempt that does not count was none
    counts: bool = True


def pause_s(policy: RetryPolicy, tries: int, chance: float) -> float:
    """Seconds before the next try after ``tries`` failed ones; ``chance`` in [0, 1).

    >>> rule = RetryPolicy(first_s=4, most_s=60, jitter=0.5)
    >>> [pause_s(rule, tries, 0.0) for tries in (1, 2, 3, 9)], pause_s(rule, 1, 0.5)
    ([4.0, 8.0, 16.0, 60.0], 3.0)
    """
    full = min(policy.most_s, policy.first_s * policy.factor ** min(tries - 1, 60))
    return full * (1 - policy.jitter * chance)


def after(
    result: R,
    tries: int,
    policy: RetryPolicy,
    chance: float,
    *,
    retry_after_s: float | None = None,
    only_once: bool = False,
) -> Next:
    """What follows an attempt.

    Args:
        tries: attempts since the delivery was made or sent again, this one included.
        retry_after_s: what the other side asked for.
        only_once: nobody can tell whether it arrived, so in doubt it is not sent again (SMS).
    """
    if result is R.NOT_YET:
        return Next(S.WAITING, max(policy.first_s, 1.0), counts=False)
    if result is R.UNCERTAIN and only_once:
        return Next(S.DEAD)
    if result in _AGAIN and tries >= policy.attempts:
        return Next(S.DEAD)
    state = AFTER[result]
    if state is not S.WAITING:
        return Next(state)
    return Next(state, max(pause_s(policy, tries, chance), min(retry_after_s or 0.0, LONGEST_S)))
