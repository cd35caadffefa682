"""A city that speaks Open311 GeoReport v2 as its specification says (wiki.open311.org/GeoReport_v2).

One endpoint for several jurisdictions; services answer with an id (realtime), a token (batch) or nothing
(blackbox). Numbers are numbers in JSON, as in the specification's examples; what it calls "may not be
returned" is missing where it says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree

from tests.delivery.cities.base import Asked, City, Refused, Reply

#: "Default query limit is a span of 90 days or first 1000 requests returned, whichever is smallest."
SPAN = timedelta(days=90)
MOST = 1000
W3 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)")
ARGUMENTS = frozenset(
    {"api_key", "jurisdiction_id", "service_code", "lat", "long", "address_string", "address_id", "email"}
    | {"device_id", "account_id", "first_name", "last_name", "phone", "description", "media_url"}
)
ATTRIBUTE = re.compile(r"attribute\[([^\]]+)\](\[\])?")
PLACES = {"services": "service", "requests": "request", "tokens": "token"}


@dataclass(frozen=True, slots=True)
class Attribute:
    """An answer that a service asks for."""

    code: str
    required: bool = True
    datatype: str = "string"
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Service:
    code: str
    name: str
    kind: str = "realtime"
    attributes: Sequence[Attribute] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """A service request that the city keeps."""

    number: int
    jurisdiction: str
    service: Service
    arguments: Mapping[str, str]
    requested_at: datetime
    updated_at: datetime
    status: str = "open"
    status_notes: str | None = None
    token: str | None = None
    #: a batch city gives its number later
    numbered: bool = True


class Open311City(City):
    """``formats``: what this city offers besides XML, which is required of every city."""

    KEY = "open311-key"

    def __init__(
        self,
        services: Sequence[Service] = (Service("000", "其他诉求"), Service("001", "道路破损")),
        *,
        formats: Sequence[str] = ("xml", "json"),
        jurisdictions: Sequence[str] = ("city.example", "other.example"),
        created_status: int = 200,
        most: int = MOST,
    ) -> None:
        self.services = {it.code: it for it in services}
        self.formats = formats
        self.jurisdictions = jurisdictions
        self.created_status = created_status
        self.most = most
        self.requests: dict[int, Request] = {}
        self.removed: set[int] = set()
        #: nothing is shown before somebody has read it
        self.hidden = False
        #: so many listings do not yet know the newest request
        self.lag = 0
        self._next = 638344
        super().__init__()

    # the city's side

    def close(self, number: int, notes: str | None = None) -> None:
        self._change(number, status="closed", status_notes=notes)

    def reopen(self, number: int, notes: str | None = None) -> None:
        self._change(number, status="open", status_notes=notes)

    def merge(self, number: int, into: int) -> None:
        """Duplicates are closed with a note; the specification knows no merged tickets."""
        self._change(number, status="closed", status_notes=f"Duplicate request of {into}.")

    def remove(self, number: int) -> None:
        with self.lock:
            self.removed.add(number)

    def give_numbers(self) -> None:
        with self.lock:
            self.requests = {key: replace(it, numbered=True) for key, it in self.requests.items()}

    def crowd(self, many: int) -> None:
        """So many requests of other people, one after the other within the last five minutes, and to come."""
        with self.lock:
            for _ in range(many):
                at = datetime.now(UTC) + timedelta(seconds=self._next % 600 - 300)
                number, service = self._next, next(iter(self.services.values()))
                self.requests[number] = Request(number, self.jurisdictions[0], service, {}, at, at)
                self._next += 1

    def holding(self, words: str) -> list[Request]:
        with self.lock:
            return [it for it in self.requests.values() if words in it.arguments.get("description", "")]

    def _change(self, number: int, **what: Any) -> None:
        with self.lock:
            self.requests[number] = replace(self.requests[number], updated_at=datetime.now(UTC), **what)

    # HTTP

    def step(self, asked: Asked) -> str:
        place, _, rest = asked.path.removeprefix("/v2/").partition("/")
        plural, _, _ = place.partition(".")
        if plural not in PLACES:
            return "unknown"
        if asked.method == "POST":
            return "create"
        return PLACES[plural] if rest else f"{PLACES[plural]}s"

    def do(self, step: str, asked: Asked) -> Reply:
        form = asked.path.rpartition(".")[2]
        if not asked.path.startswith("/v2/") or form not in self.formats:
            raise Refused(404, f"{asked.path}: this city offers {', '.join(self.formats)} under /v2/")
        return self._as(form, *self._ways(step, asked))

    def refused(self, asked: Asked, error: Refused) -> Reply:
        """The specification's array of errors."""
        form = asked.path.rpartition(".")[2]
        known = form if form in self.formats else "xml"
        rows = [{"code": error.status, "description": str(error)}]
        return self._as(known, error.status, "errors", "error", rows)

    def _ways(self, step: str, asked: Asked) -> tuple[int, str, str, Any]:
        if step == "create":
            return self.created_status, "service_requests", "request", [self._create(asked)]
        if asked.method != "GET" or step == "unknown":
            raise Refused(404, f"{asked.method} {asked.path} is not of the specification")
        given = self._once(parse_qsl(asked.query, keep_blank_values=True, strict_parsing=bool(asked.query)))
        jurisdiction = self._jurisdiction(given)
        one = asked.path.rpartition("/")[2].rpartition(".")[0]
        match step:
            case "services":
                return 200, "services", "service", [_listed(it) for it in self.services.values()]
            case "service":
                return 200, "service_definition", "", self._defined(one)
            case "token":
                return 200, "service_requests", "request", [self._token(one)]
            case "request":
                found = [it for it in self._visible(jurisdiction) if str(it.number) == one]
                if not found:
                    raise Refused(404, f"service_request_id {one} not found")
                return 200, "service_requests", "request", [_shown(it) for it in found]
            case _:
                return 200, "service_requests", "request", self._search(jurisdiction, given)

    def _as(self, form: str, status: int, many: str, one: str, rows: Any) -> Reply:
        if form == "json":
            return Reply(status, rows)
        root = ElementTree.Element(many)
        for row in rows if one else []:
            _into(ElementTree.SubElement(root, one), row)
        if not one:
            _into(root, rows)
        raw = b'<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="utf-8")
        return Reply(status, rows, raw=raw, media_type="text/xml; charset=utf-8")

    # POST requests

    def _create(self, asked: Asked) -> dict[str, Any]:
        if asked.media_type != "application/x-www-form-urlencoded":
            raise Refused(
                400, f"{asked.media_type or 'nothing'} instead of application/x-www-form-urlencoded"
            )
        if asked.charset not in ("", "utf-8"):
            raise Refused(400, f"{asked.charset} instead of UTF-8")
        try:
            pairs = parse_qsl(
                asked.body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict"
            )
        except ValueError as error:
            raise Refused(400, f"body: {error}") from error
        given = self._once([it for it in pairs if not ATTRIBUTE.fullmatch(it[0])])
        if given.get("api_key") != self.KEY:
            raise Refused(403, "Invalid api_key received -- can't proceed with create_request.")
        jurisdiction = self._jurisdiction(given)
        service = self._service(given)
        self._check(given)
        self._attributes(service, [it for it in pairs if ATTRIBUTE.fullmatch(it[0])])
        now = datetime.now(UTC)
        number = self._next
        self._next += 1
        batch = service.kind == "batch"
        self.requests[number] = Request(
            number,
            jurisdiction,
            service,
            given,
            now,
            now,
            token=f"t{number * 7}" if batch else None,
            numbered=not batch,
        )
        match service.kind:
            case "batch":
                return {"token": self.requests[number].token, "service_notice": None, "account_id": None}
            case "blackbox":
                return {"service_notice": "已收到", "account_id": None}
            case _:
                return {"service_request_id": number, "service_notice": "已收到", "account_id": None}

    def _once(self, pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
        """An argument that is empty counts as one that is missing; none may come twice."""
        names = [name for name, _ in pairs]
        if twice := {it for it in names if names.count(it) > 1}:
            raise Refused(400, f"given twice: {', '.join(sorted(twice))}")
        return {name: value for name, value in pairs if value != ""}

    def _jurisdiction(self, given: Mapping[str, str]) -> str:
        if len(self.jurisdictions) < 2:
            return self.jurisdictions[0]
        if "jurisdiction_id" not in given:
            raise Refused(400, "jurisdiction_id was not provided")
        if given["jurisdiction_id"] not in self.jurisdictions:
            raise Refused(404, f"jurisdiction_id {given['jurisdiction_id']} not found")
        return given["jurisdiction_id"]

    def _service(self, given: Mapping[str, str]) -> Service:
        if "service_code" not in given:
            raise Refused(400, "service_code was not provided")
        if given["service_code"] not in self.services:
            raise Refused(404, f"service_code {given['service_code']} not found")
        return self.services[given["service_code"]]

    def _check(self, given: Mapping[str, str]) -> None:
        if unknown := set(given) - ARGUMENTS:
            raise Refused(400, f"not of the specification: {', '.join(sorted(unknown))}")
        if ("lat" in given) != ("long" in given):
            raise Refused(400, "lat and long both need to be sent")
        if "lat" in given and not (_number(given["lat"], 90) and _number(given["long"], 180)):
            raise Refused(400, "lat and long are WGS84 degrees")
        if not {"lat", "address_string", "address_id"} & set(given):
            raise Refused(400, "a location parameter must be submitted")
        description = given.get("description", "")
        if len(description) > 4000:
            raise Refused(400, f"description is limited to 4,000 characters, {len(description)} came")
        if re.search(r"</?[A-Za-z][^>]*>", description):
            raise Refused(400, "description may not contain html or code")

    def _attributes(self, service: Service, pairs: Sequence[tuple[str, str]]) -> None:
        known = {it.code: it for it in service.attributes}
        given: dict[str, list[str]] = {}
        for name, value in pairs:
            found = ATTRIBUTE.fullmatch(name)
            assert found
            code, many = found.groups()
            if code not in known:
                raise Refused(400, f"attribute {code} is not of service {service.code}")
            if bool(many) != (known[code].datatype == "multivaluelist"):
                raise Refused(400, f"{name}: {known[code].datatype}")
            if value:
                given.setdefault(code, []).append(value)
        for code, attribute in known.items():
            values = given.get(code, [])
            if attribute.required and not values:
                raise Refused(400, f"attribute {code} is required")
            if len(values) > 1 and attribute.datatype != "multivaluelist":
                raise Refused(400, f"attribute {code} takes one value")
            if attribute.values and set(values) - set(attribute.values):
                raise Refused(400, f"attribute {code}: {values} are not of its list")
            if attribute.datatype == "number" and not all(_number(it, float("inf")) for it in values):
                raise Refused(400, f"attribute {code} is a number")

    # GET

    def _defined(self, code: str) -> dict[str, Any]:
        if code not in self.services:
            raise Refused(404, f"service_code {code} not found")
        rows = [
            {
                "variable": True,
                "code": it.code,
                "datatype": it.datatype,
                "required": it.required,
                "datatype_description": None,
                "order": place,
                "description": it.code,
                "values": [{"key": key, "name": name} for key, name in it.values.items()],
            }
            for place, it in enumerate(self.services[code].attributes, start=1)
        ]
        return {"service_code": code, "attributes": rows}

    def _token(self, token: str) -> dict[str, Any]:
        for it in self.requests.values():
            if it.token == token and it.numbered and it.number not in self.removed:
                return {"service_request_id": it.number, "token": token}
        raise Refused(404, f"token {token} not found")

    def _visible(self, jurisdiction: str) -> list[Request]:
        return (
            []
            if self.hidden
            else [
                it
                for it in self.requests.values()
                if it.jurisdiction == jurisdiction and it.numbered and it.number not in self.removed
            ]
        )

    def _search(self, jurisdiction: str, given: Mapping[str, str]) -> list[dict[str, Any]]:
        rows = sorted(self._visible(jurisdiction), key=lambda it: it.requested_at, reverse=True)
        if self.lag and rows:
            self.lag -= 1
            rows = rows[1:]
        if "service_request_id" in given:
            numbers = given["service_request_id"].split(",")
            return [_shown(it) for it in rows if str(it.number) in numbers][: self.most]
        first, last = self._span(given)
        codes = given["service_code"].split(",") if "service_code" in given else list(self.services)
        states = given["status"].split(",") if "status" in given else ["open", "closed"]
        if set(states) - {"open", "closed"}:
            raise Refused(400, f"status {given['status']}: open and closed are known")
        found = [
            it
            for it in rows
            if first <= it.requested_at.replace(microsecond=0) <= last
            and it.service.code in codes
            and it.status in states
        ]
        return [_shown(it) for it in found[: self.most]]

    def _span(self, given: Mapping[str, str]) -> tuple[datetime, datetime]:
        for name in ("start_date", "end_date"):
            if name in given and not W3.fullmatch(given[name]):
                raise Refused(400, f"{name} {given[name]} must use w3 format, eg 2010-01-01T00:00:00Z")
        now = datetime.now(UTC)
        last = datetime.fromisoformat(given["end_date"]) if "end_date" in given else None
        first = datetime.fromisoformat(given["start_date"]) if "start_date" in given else None
        if first and last and last - first > SPAN:
            raise Refused(400, "start_date and end_date may not span more than 90 days")
        return first or (last or now) - SPAN, last or (first + SPAN if first else now)

    # troubles

    def two(self, step: str, reply: Reply) -> Reply:
        return self._changed(reply, lambda rows: [*rows, _with_other_id(rows[0])] if rows else rows)

    def other(self, step: str, reply: Reply) -> Reply:
        return self._changed(reply, lambda rows: [_with_other_id(it) for it in rows])

    def _changed(self, reply: Reply, change: Any) -> Reply:
        if reply.status >= 400 or not isinstance(reply.document, list):
            return reply
        form = "json" if reply.raw is None else "xml"
        return self._as(form, reply.status, "service_requests", "request", change(reply.document))


def _with_other_id(row: Mapping[str, Any]) -> dict[str, Any]:
    name = "token" if row.get("token") else "service_request_id"
    return {**row, name: 999_999_999}


def _number(text: str, most: float) -> bool:
    try:
        return abs(float(text)) <= most
    except ValueError:
        return False


def _listed(service: Service) -> dict[str, Any]:
    return {
        "service_code": service.code,
        "service_name": service.name,
        "description": service.name,
        "metadata": bool(service.attributes),
        "type": service.kind,
        "keywords": "",
        "group": "",
    }


def _shown(request: Request) -> dict[str, Any]:
    """What is "may not be returned" in the specification is returned only where it says something."""
    given = request.arguments
    shown: dict[str, Any] = {
        "service_request_id": request.number,
        "status": request.status,
        "service_name": request.service.name,
        "service_code": request.service.code,
        "description": given.get("description"),
        "requested_datetime": _w3(request.requested_at),
        "updated_datetime": _w3(request.updated_at),
        "address": given.get("address_string"),
        "address_id": given.get("address_id"),
        "zipcode": None,
        "lat": float(given["lat"]) if "lat" in given else None,
        "long": float(given["long"]) if "long" in given else None,
        "media_url": given.get("media_url"),
    }
    return shown if request.status_notes is None else {**shown, "status_notes": request.status_notes}


def _w3(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _into(element: ElementTree.Element, row: Mapping[str, Any]) -> None:
    for name, value in row.items():
        child = ElementTree.SubElement(element, name)
        if isinstance(value, list):
            for item in value:
                _into(ElementTree.SubElement(child, name.removesuffix("s")), item)
        elif value is not None:
            child.text = str(value).lower() if isinstance(value, bool) else str(value)
