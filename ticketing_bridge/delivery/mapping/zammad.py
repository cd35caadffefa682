"""Zammad (docs.zammad.org, REST and Generic CTI): a ticket, its states, calls for its caller log."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from config.delivery import Zammad
from facts.call import Call, Outcome
from ticketing_bridge.delivery.mapping.remote import RemoteTicket, read_json, text_of
from ticketing_bridge.delivery.mapping.words import words
from ticketing_bridge.delivery.outbound import OutboundTicket
from ticketing_bridge.delivery.problems import InDoubt

MOST_TITLE = 250
_TITLE_KEY = re.compile(r"\A\[([^\[\]\s]+)\]")

#: how a call of ours ended, as the caller log names it
CAUSES: Mapping[Outcome, str] = {
    Outcome.ANSWERED: "normalClearing",
    Outcome.TRANSFERRED_EMERGENCY: "forwarded",
    Outcome.SELF_SERVICE: "normalClearing",
    Outcome.VOICEMAIL: "noAnswer",
    Outcome.CALLBACK_REQUESTED: "noAnswer",
    Outcome.CLOSED: "notFound",
    Outcome.FULL: "busy",
    Outcome.JOIN_EMPTY: "notFound",
    Outcome.LEAVE_EMPTY: "notFound",
    Outcome.TIMEOUT: "noAnswer",
    Outcome.WITHDRAWN: "noAnswer",
    Outcome.ABANDONED_QUEUE: "cancel",
    Outcome.ABANDONED_IVR: "cancel",
    Outcome.SYSTEM_ERROR: "congestion",
    Outcome.UNRESOLVED: "congestion",
}
assert CAUSES.keys() == set(Outcome), "every ending has a name there"


def create_body(ticket: OutboundTicket, key: str, config: Zammad) -> dict[str, Any]:
    """The body of POST tickets. Our key is in the title, where every search looks, or in its own field."""
    title = ticket.title if config.key_field else f"[{key}] {ticket.title}"
    body: dict[str, Any] = {
        "title": title[:MOST_TITLE],
        "group": config.groups.get(ticket.unit or "", config.group),
        "customer_id": f"guess:{config.customer}",
        "article": {
            "subject": ticket.title[:MOST_TITLE],
            "body": _body(ticket),
            "type": "phone",
            "internal": False,
        },
    }
    return body | ({config.key_field: key} if config.key_field else {})


def update_body(ticket: OutboundTicket, key: str) -> dict[str, Any]:
    """The body of PUT tickets/ID: what has changed here, as a note that the customer does not see."""
    names = words()
    rows = (
        (names["state"], ticket.state),
        (names["units"], "、".join(filter(None, (ticket.unit, *ticket.joint_units)))),
        ("", ticket.reply),
        ("", names["now_confidential"] if ticket.confidential else None),
    )
    article = {"subject": f"[{key}]", "body": _lines(rows), "type": "note", "internal": True}
    return {"article": article} | ({"state": "closed"} if ticket.withdrawn else {})


def has_update(body: bytes, key: str) -> bool:
    """Whether a ticket's articles hold the change of this key. Raises ``InDoubt`` when they are none."""
    articles = read_json(body)
    if not isinstance(articles, list):
        raise InDoubt("the answer is not a list of articles")
    return any(isinstance(it, dict) and it.get("subject") == f"[{key}]" for it in articles)


def _body(ticket: OutboundTicket) -> str:
    who, names = ticket.reporter, words()
    rows = (
        ("", ticket.content),
        (names["demand"], ticket.demand),
        (names["place"], ticket.place),
        (names["occurred"], ticket.occurred),
        (names["kind"], " ".join(filter(None, (ticket.purpose, ticket.appeal)))),
        (names["units"], "、".join(filter(None, (ticket.unit, *ticket.joint_units)))),
        (names["reporter"], " ".join(filter(None, (who.name, who.phone))) if who else None),
        (names["number"], ticket.number),
    )
    return _lines(rows)


def _lines(rows: Sequence[tuple[str, str | None]]) -> str:
    return "\n".join(f"{name}：{value}" if name else value for name, value in rows if value)


def search_query(key: str, config: Zammad) -> str:
    """What to search for; the answer is looked through again, for a search finds what is like it, too."""
    return f'{config.key_field}:"{key}"' if config.key_field else f'"{key}"'


def search_condition(key: str, config: Zammad) -> dict[str, Any]:
    """The same as a trigger's condition, which the database answers and not Elasticsearch."""
    name, wanted = (config.key_field, key) if config.key_field else ("title", f"[{key}]")
    return {"condition": {f"ticket.{name}": {"operator": "contains", "value": wanted}}}


def read_found(body: bytes, config: Zammad) -> list[RemoteTicket]:
    """Tickets of a search. Raises ``InDoubt`` when it is no answer."""
    content = read_json(body)
    if isinstance(content, dict) and isinstance(content.get("assets"), dict):
        content = [*(content["assets"].get("Ticket") or {}).values()]
    if not isinstance(content, list):
        raise InDoubt("the answer is not a list of tickets")
    return [_ticket(it, config) for it in content]


def read_one(body: bytes, config: Zammad) -> RemoteTicket:
    """One ticket. Raises ``InDoubt`` when it is none."""
    return _ticket(read_json(body), config)


def _ticket(row: object, config: Zammad) -> RemoteTicket:
    number = text_of(row.get("id")) if isinstance(row, dict) else None
    if number is None or not isinstance(row, dict):
        raise InDoubt("the answer is not a ticket")
    if config.key_field:
        key = text_of(row.get(config.key_field))
    else:
        titled = _TITLE_KEY.match(str(row.get("title") or ""))
        key = titled[1] if titled else None
    return RemoteTicket(number, key, text_of(row.get("state")))


def cti_event(call: Call, event: str, names: Mapping[str, str]) -> dict[str, Any]:
    """An event of the Generic CTI. ``names``: agents by id."""
    agents = [names.get(it.agent, it.agent) for it in call.agent_legs]
    body: dict[str, Any] = {
        "event": event,
        "from": call.caller_number or "anonymous",
        "to": call.did,
        "direction": "in",
        "callId": str(call.key),
    }
    if event == "newCall" and call.queue_legs:
        body["queue"] = call.queue_legs[-1].queue
    if event == "answer" and agents:
        body["user"] = agents[-1]
    if event == "hangup":
        body["cause"] = CAUSES[call.outcome] if call.outcome else "congestion"
    return body
