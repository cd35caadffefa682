"""GeoReport v2 (open311.org): a ticket as a service request, and what comes back.

The standard has no field for a sender's key, so it stands as the last line of the description.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from config.delivery import Open311
from ticketing_bridge.delivery.mapping.remote import RemoteTicket, read_json, text_of
from ticketing_bridge.delivery.outbound import OutboundTicket
from ticketing_bridge.delivery.problems import InDoubt

#: the standard's limits
MOST_DESCRIPTION = 4000
MOST_ROWS = 1000
LONGEST = timedelta(days=90)
#: types of services whose requests are not shown at once, or never
LATE = frozenset({"batch", "blackbox"})
#: a clock of theirs may be wrong by this much
SLACK = timedelta(minutes=15)

_MARK = re.compile(r"\[12345:([^\[\]\s]+)\]\s*\Z")


def mark(key: str) -> str:
    """Our key as it stands in a description."""
    return f"[12345:{key}]"


def key_in(description: str | None) -> str | None:
    """Our key in a description; None when it has none.

    >>> key_in("路灯不亮\\n[12345:GM1]"), key_in("[12345:GM1] 抄来的")
    ('GM1', None)
    """
    found = _MARK.search(description or "")
    return found[1] if found else None


def service_code(ticket: OutboundTicket, config: Open311) -> str:
    """The service that a ticket is asked of."""
    return config.services.get(ticket.appeal, config.service)


def read_kinds(body: bytes, form: str) -> dict[str, str]:
    """Types of services (``realtime``, ``batch``, ``blackbox``) by their codes: an answer to GET services."""
    rows = _xml_rows(body, "services", "service") if form == "xml" else _json_rows(body)
    return {str(row.get("service_code")): str(row.get("type") or "") for row in rows}


def request_form(
    ticket: OutboundTicket, key: str, config: Open311, api_key: str
) -> dict[str, str | Sequence[str]]:
    """The form of POST requests. The reporter is in it only where ``released`` has left one."""
    service = service_code(ticket, config)
    form: dict[str, str | Sequence[str]] = {
        "api_key": api_key,
        "service_code": service,
        "address_string": _plain(", ".join(filter(None, (ticket.place, ticket.district))) or config.address),
        "description": _description(ticket, key),
    }
    for code, value in config.attributes.get(service, {}).items():
        form |= {f"attribute[{code}]": value} if isinstance(value, str) else {f"attribute[{code}][]": value}
    if config.jurisdiction:
        form["jurisdiction_id"] = config.jurisdiction
    if ticket.reporter:
        form |= {
            name: value
            for name, value in (("last_name", ticket.reporter.name), ("phone", ticket.reporter.phone))
            if value
        }
    return form


def _description(ticket: OutboundTicket, key: str) -> str:
    end = "\n" + mark(key)
    text = "\n".join(filter(None, (ticket.title, ticket.content, ticket.demand)))
    room = MOST_DESCRIPTION - len(end)
    text = _plain(text)
    return (text if len(text) <= room else text[: room - 1] + "…") + end


def _plain(text: str) -> str:
    """No markup: the standard forbids it."""
    return text.replace("<", "＜").replace(">", "＞")


def read_requests(body: bytes, form: str) -> list[RemoteTicket]:
    """The rows of an answer. Raises ``InDoubt`` when it is not one."""
    rows = _xml_rows(body) if form == "xml" else _json_rows(body)
    return [it for row in rows if (it := _ticket(row)) is not None]


def read_created(body: bytes, form: str) -> tuple[str | None, str | None]:
    """(request id, token) of an answer to POST; exactly one is there.

    Raises:
        InDoubt: none or several: only a search can tell what was made.
    """
    rows = _xml_rows(body) if form == "xml" else _json_rows(body)
    if len(rows) != 1:
        raise InDoubt(f"answered with {len(rows)} requests instead of one")
    request, token = text_of(rows[0].get("service_request_id")), text_of(rows[0].get("token"))
    if request is None and token is None:
        raise InDoubt("answered without an id")
    return request, token if request is None else None


def window(first_attempt_at: datetime, now: datetime) -> tuple[datetime, datetime]:
    """Within which time the other side can have received something that was sent since then."""
    return max(first_attempt_at - SLACK, now - LONGEST + 2 * SLACK), now + SLACK


def halves(start: datetime, end: datetime) -> tuple[datetime, datetime, datetime] | None:
    """A window that had more rows than an answer holds, cut in two; None when it cannot be cut."""
    middle = start + (end - start) / 2
    middle = middle.replace(microsecond=0)
    return (start, middle, end) if start < middle < end else None


def _ticket(row: dict[str, Any]) -> RemoteTicket | None:
    number = text_of(row.get("service_request_id"))
    if number is None:
        return None
    described = row.get("description")
    key = key_in(described) if isinstance(described, str) else None
    return RemoteTicket(number, key, text_of(row.get("status")), text_of(row.get("status_notes")))


def _json_rows(body: bytes) -> list[dict[str, Any]]:
    content = read_json(body)
    if not isinstance(content, list) or not all(isinstance(it, dict) for it in content):
        raise InDoubt("the answer is not a list of requests")
    return content


def _xml_rows(
    body: bytes, root_name: str = "service_requests", name: str = "request"
) -> list[dict[str, Any]]:
    """Rows of an XML answer; one that declares entities is none of ours."""
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise InDoubt("the answer declares a document type")
    try:
        root = ET.fromstring(body)
    except ET.ParseError:
        raise InDoubt("the answer is not XML") from None
    if root.tag != root_name:
        raise InDoubt("the answer is not a list of requests")
    return [{field.tag: field.text for field in row} for row in root.iter(name)]
