"""A Zammad's Generic CTI: newCall, answer and hangup from a telephone system."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from tests.delivery.cities.base import Asked, Refused, Reply

if TYPE_CHECKING:
    from tests.delivery.cities.zammad import ZammadCity

EVENTS = ("newCall", "answer", "hangup")
CAUSES = ("normalClearing", "busy", "cancel", "noAnswer", "congestion", "notFound", "forwarded")
FIELDS = frozenset(
    {"event", "from", "to", "direction", "callId", "user", "queue", "answeringNumber", "cause"}
)


def take(city: ZammadCity, asked: Asked) -> Reply:
    """The token in the address is the only key; form or JSON; ``user`` may be several."""
    if asked.path != f"/api/v1/cti/{city.CTI_TOKEN}":
        raise Refused(401, "Invalid token, please contact your admin!", human=False)
    given = _fields(city, asked)
    if given.get("direction") not in ("in", "out"):
        raise Refused(422, "Invalid direction!", human=False)
    if given.get("event") not in EVENTS:
        raise Refused(422, f"Unknown event {given.get('event')}", human=False)
    for name in ("from", "to", "callId"):
        if not given.get(name) or len(str(given[name])) > 250:
            raise Refused(422, f"{name} is missing or too long", human=False)
    if given["event"] == "hangup" and given.get("cause") not in CAUSES:
        raise Refused(422, f"cause {given.get('cause')} is none of {', '.join(CAUSES)}", human=False)
    if given["event"] != "newCall" and given["callId"] not in {it["callId"] for it in city.calls}:
        city.complain(f"call: No such call_id {given['callId']}")
        return city.broken(asked)
    if given["event"] == "newCall" and given["callId"] in {it["callId"] for it in city.calls}:
        raise Refused(422, "Object already exists!")
    city.calls.append(given)
    return Reply(200, {})


def _fields(city: ZammadCity, asked: Asked) -> dict[str, Any]:
    if asked.media_type == "application/json":
        given = dict(json.loads(asked.body))
    elif asked.media_type == "application/x-www-form-urlencoded":
        given = {}
        for name, value in parse_qsl(asked.body.decode(), keep_blank_values=True, strict_parsing=True):
            if name.endswith("[]"):
                given.setdefault(name.removesuffix("[]"), []).append(value)
            else:
                given[name] = value
    else:
        raise Refused(422, f"neither a form nor JSON: {asked.media_type}")
    if unknown := set(given) - FIELDS:
        city.complain(f"call: not of the documentation: {', '.join(sorted(unknown))}")
    return given
