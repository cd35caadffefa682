"""What wishes of the desk say: whom they name, and under which name the dialplan carries it."""

from __future__ import annotations

from collections.abc import Iterable

from facts.call_control import ControlRefusal, ControlRefused, Target, TargetKind
from ticketing_bridge.store.agent_repository import Wish


def carried(wish: Wish) -> str:
    """A unit's name for the dialplan."""
    return f"u{wish.id}"


def target_of(wish: Wish) -> Target:
    """Whom a wish names.

    Raises:
        ControlRefused: nobody.
    """
    try:
        kind = TargetKind(str(wish.details.get("kind")))
    except ValueError:
        raise ControlRefused(ControlRefusal.NO_TARGET) from None
    return Target(kind, str(wish.details.get("id") or ""), str(wish.details.get("number") or ""))


def units_of(wishes: Iterable[Wish]) -> dict[str, Target]:
    """Units by the names under which the dialplan carries them."""
    return {carried(wish): target_of(wish) for wish in wishes if wish.details.get("kind") == TargetKind.UNIT}
