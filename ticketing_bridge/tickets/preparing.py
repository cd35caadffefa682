"""From what somebody wants to the entry that says it: rules and calendar are asked here. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from config.tickets import LimitUnit, Span, TicketRules
from facts.masking import mask_spoken
from ticketing_bridge.tickets.fields import FIELDS, Kind
from ticketing_bridge.tickets.limits import (
    WorkCalendar,
    due,
    extended,
    last_moment_to_ask,
    shifted,
)
from ticketing_bridge.tickets.model import Limit, Ticket
from ticketing_bridge.tickets.states import Act
from ticketing_bridge.tickets.units import UnitDirectory
from ticketing_bridge.tickets.why import TicketRefused, Why

Values = Mapping[str, Any]
#: letters a text may have; longer ones are cut nowhere silently, they are refused
TEXT_LENGTH: Final = 8000


@dataclass(frozen=True, slots=True)
class CityRules:
    """What acts are measured by."""

    tickets: TicketRules
    calendar: WorkCalendar
    units: UnitDirectory

    def may_stand(self, ticket: Ticket) -> timedelta:
        """For how long the ticket's clock may still stand still, from when it stopped last."""
        return timedelta(days=self.tickets.suspension.most_days) - timedelta(seconds=ticket.suspended_s)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the entry will carry."""

    data: dict[str, Any]
    texts: dict[str, Any]


def prepare(rules: CityRules, ticket: Ticket, act: Act, given: Values, at: datetime) -> Prepared:
    """The entry's data and texts.

    Raises:
        TicketRefused: a field is missing or wrong, or a rule forbids it now.
    """
    data, texts = _read(rules, act, given)
    if act is Act.CLOSE:
        data["explained"] = "explained" in texts
    if act is Act.FOLLOW_UP:
        data["asked_by"] = "robot" if given.get("asked_by") == "robot" else "human"
    make = MAKERS.get(act)
    return Prepared({**data, **(make(rules, ticket, data, at) if make else {})}, texts)


def _read(rules: CityRules, act: Act, given: Values) -> tuple[dict[str, Any], dict[str, Any]]:
    data: dict[str, Any] = {}
    texts: dict[str, Any] = {}
    for field in FIELDS[act]:
        value = READERS[field.kind](rules, given.get(field.name), field.name)
        if value in (None, "", []):
            if field.needed:
                raise TicketRefused(Why.MISSING, f"{act} needs {field.name}", detail=field.name)
            continue
        (texts if field.kind in (Kind.TEXT, Kind.LINE) else data)[field.name] = value
    return data, texts


Reader = Callable[[CityRules, Any, str], Any]


def _text(_: CityRules, value: Any, name: str) -> str:
    words = str(value or "").strip()
    if len(words) > TEXT_LENGTH:
        raise TicketRefused(Why.MISSING, f"{name} is longer than {TEXT_LENGTH}", detail=name)
    return mask_spoken(words)


def _unit(rules: CityRules, value: Any, _: str) -> str | None:
    if not value:
        return None
    found, name = rules.units.named(str(value)), str(value).strip()
    if found is None and name in rules.units.closed:
        heir = rules.units.closed[name]
        raise TicketRefused(
            Why.CLOSED_UNIT,
            f"{name} is closed",
            fix=f"choose {heir}" if heir else "choose another unit",
            detail=f"{name}，现由{heir}承办" if heir else name,
        )
    if found is None:
        raise TicketRefused(Why.UNKNOWN_UNIT, f"there is no unit {value!r}", detail=str(value))
    return found


def _units(rules: CityRules, value: Any, name: str) -> list[str]:
    parts = [part for it in _several(value) for part in it.replace("，", "、").split("、") if part.strip()]
    return list(dict.fromkeys(filter(None, (_unit(rules, it, name) for it in parts))))


def _several(value: Any) -> list[str]:
    """One or more of what a form or a client sends."""
    return [str(it) for it in value] if isinstance(value, list | tuple) else [str(value)] if value else []


def _level(rules: CityRules, value: Any, _: str) -> str | None:
    if not value:
        return None
    if str(value) not in {it.id for it in rules.tickets.levels}:
        raise TicketRefused(Why.UNKNOWN_LEVEL, f"there is no level {value!r}", detail=str(value))
    return str(value)


def _number(_: CityRules, value: Any, name: str) -> int | None:
    if value in (None, ""):
        return None
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = 0
    if not 1 <= number <= 366:
        raise TicketRefused(Why.MISSING, f"{name} is no number from 1 to 366", detail=name)
    return number


def _yes_no(_: CityRules, value: Any, name: str) -> bool | None:
    known = {True: True, False: False, "yes": True, "no": False, None: None, "": None}
    if isinstance(value, list) or value not in known:
        raise TicketRefused(Why.MISSING, f"{name} is neither yes nor no", detail=name)
    return known[value]


def _rating(rules: CityRules, value: Any, name: str) -> int | None:
    number = _number(rules, value, name)
    if number is not None and number > 5:
        raise TicketRefused(Why.MISSING, f"{name} is no rating from 1 to 5", detail=name)
    return number


def _ground(rules: CityRules, value: Any, _: str) -> str | None:
    if value and value not in rules.tickets.suspension.reasons:
        raise TicketRefused(Why.SUSPENSION_REASON, f"{value!r} is no ground for a suspension")
    return str(value) if value else None


def _channel(rules: CityRules, value: Any, _: str) -> str | None:
    if value and str(value) not in {it.id for it in rules.tickets.channels}:
        raise TicketRefused(Why.UNKNOWN_CHANNEL, f"there is no channel {value!r}")
    return str(value) if value else None


def _partners(rules: CityRules, value: Any, name: str) -> list[str]:
    many = _several(value)
    unknown = [it for it in many if it not in rules.tickets.joint_supervision]
    if unknown:
        raise TicketRefused(Why.MISSING, f"no partner of joint supervision: {unknown}", detail=name)
    return many


def _plain(_: CityRules, value: Any, __: str) -> str | None:
    return str(value).strip() if value else None


READERS: Final[Mapping[Kind, Reader]] = {
    Kind.LINE: _text,
    Kind.TEXT: _text,
    Kind.UNIT: _unit,
    Kind.JOINT: _unit,
    Kind.UNITS: _units,
    Kind.LEVEL: _level,
    Kind.NUMBER: _number,
    Kind.LETTER: _number,
    Kind.TRACK: _number,
    Kind.YES_NO: _yes_no,
    Kind.RATING: _rating,
    Kind.GROUND: _ground,
    Kind.CHANNEL: _channel,
    Kind.PARTNERS: _partners,
    Kind.TICKET: _plain,
}


# ---- what rules add ----------------------------------------------------------------------------------

Maker = Callable[[CityRules, Ticket, dict[str, Any], datetime], dict[str, Any]]


def new_limit(rules: CityRules, purpose: str, level: str, at: datetime) -> Limit:
    """The limit that begins now for this kind and level."""
    span = rules.tickets.limit(purpose, level)
    end = due(at, span, rules.calendar)
    return Limit(span.amount, span.unit, span.roll, at, end, end)


def _limit_json(limit: Limit) -> dict[str, Any]:
    moments = ("started_at", "due_at", "first_due_at")
    plain = {"amount": limit.amount, "unit": limit.unit.value, "roll": limit.roll}
    return plain | {name: getattr(limit, name).isoformat() for name in moments}


def _give(rules: CityRules, ticket: Ticket, data: dict[str, Any], at: datetime) -> dict[str, Any]:
    level = data.get("level") or ticket.level
    joint = [it for it in data.get("joint", ()) if it != data["main"]]
    not_theirs(ticket, [data["main"], *joint])
    return {"level": level, "joint": joint, "limit": _limit_json(new_limit(rules, ticket.purpose, level, at))}


def not_theirs(ticket: Ticket, units: Sequence[str]) -> None:
    """Raises ``TicketRefused`` when one of these units is barred and no two people have let it in."""
    barred = [it for it in units if it in ticket.kept_from]
    if barred:
        raise TicketRefused(
            Why.NAMED_UNIT,
            f"the matter names {'、'.join(barred)} or whom it is under",
            fix="choose another unit, or have two people confirm it",
            detail="、".join(barred),
        )


def _add_joint(_: CityRules, ticket: Ticket, data: dict[str, Any], __: datetime) -> dict[str, Any]:
    not_theirs(ticket, [data["unit"]])
    return {}


def _consult(_: CityRules, ticket: Ticket, data: dict[str, Any], __: datetime) -> dict[str, Any]:
    not_theirs(ticket, data["participants"])
    return {}


def _object(rules: CityRules, ticket: Ticket, _: dict[str, Any], at: datetime) -> dict[str, Any]:
    given = ticket.main.given_at if ticket.main else at
    until = due(given, rules.tickets.object_within, rules.calendar)
    if at > until:
        raise TicketRefused(Why.OBJECTION_LATE, f"objections were to be made until {until:%Y-%m-%d %H:%M}")
    return {"unit": ticket.main.unit if ticket.main else None}


def _ask_extension(rules: CityRules, ticket: Ticket, data: dict[str, Any], at: datetime) -> dict[str, Any]:
    extension = rules.tickets.extension
    if sum(bool(it.granted) for it in ticket.extensions) >= extension.most:
        raise TicketRefused(Why.EXTENSIONS_USED, "it was extended as often as it may be")
    most = extension.levels.get(ticket.level, 0)
    if data["amount"] > most:
        raise TicketRefused(Why.EXTENSION_LONG, f"at most {most}", detail=str(most))
    if ticket.limit and at > last_moment_to_ask(ticket.limit.due_at, extension.cutoff):
        raise TicketRefused(
            Why.EXTENSION_LATE, f"to be asked for until {extension.cutoff:%H:%M} of the last day"
        )
    return {}


def _grant(rules: CityRules, ticket: Ticket, _: dict[str, Any], __: datetime) -> dict[str, Any]:
    asked = next((it for it in ticket.extensions if it.granted is None), None)
    if asked is None or ticket.limit is None:
        return {}  # refused by the check that follows
    limit = ticket.limit
    span = Span(amount=asked.amount, unit=limit.unit, roll=limit.roll)
    return {"due_at": extended(limit.due_at, span, rules.calendar).isoformat()}


def _suspend(rules: CityRules, ticket: Ticket, _: dict[str, Any], __: datetime) -> dict[str, Any]:
    if rules.may_stand(ticket) <= timedelta(0):
        most = rules.tickets.suspension.most_days
        raise TicketRefused(Why.SUSPENSION_LONG, f"its clock has stood still for {most} days")
    return {}


def _resume(rules: CityRules, ticket: Ticket, _: dict[str, Any], at: datetime) -> dict[str, Any]:
    if ticket.limit is None or ticket.suspended_at is None:
        return {}
    stood = min(at - ticket.suspended_at, rules.may_stand(ticket))
    days = ticket.limit.unit in (LimitUnit.DAY, LimitUnit.WORKING_DAY)
    roll = ticket.limit.roll or ticket.limit.unit is LimitUnit.WORKING_DAY
    end = shifted(ticket.limit.due_at, max(stood, timedelta(0)), rules.calendar, days=days, roll=roll)
    return {"due_at": end.isoformat()}


def _redo(rules: CityRules, ticket: Ticket, data: dict[str, Any], at: datetime) -> dict[str, Any]:
    level = data.get("level") or ticket.level
    return {"limit": _limit_json(new_limit(rules, ticket.purpose, level, at)), "level": level}


def _supervise(rules: CityRules, _: Ticket, data: dict[str, Any], at: datetime) -> dict[str, Any]:
    span = Span(amount=data["days"], unit=LimitUnit.WORKING_DAY)
    return {"answer_by": due(at, span, rules.calendar).isoformat()}


MAKERS: Final[Mapping[Act, Maker]] = {
    Act.DISPATCH: _give,
    Act.REDISPATCH: _give,
    Act.UPHOLD: _give,
    Act.VERDICT: _give,
    Act.ADD_JOINT: _add_joint,
    Act.CONSULT: _consult,
    Act.OBJECT: _object,
    Act.ASK_EXTENSION: _ask_extension,
    Act.GRANT_EXTENSION: _grant,
    Act.SUSPEND: _suspend,
    Act.RESUME: _resume,
    Act.REDO: _redo,
    Act.SUPERVISE: _supervise,
}
