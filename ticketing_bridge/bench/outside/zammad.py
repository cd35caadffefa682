"""A Zammad as its REST and CTI pages describe it (docs.zammad.org): tickets, search, states, generic CTI."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

#: states of a fresh installation, by id
STATES = {
    1: "new",
    2: "open",
    3: "pending reminder",
    4: "closed",
    5: "merged",
    7: "pending close",
}
#: attributes that every ticket has; others must have been made by the administrator
BUILT_IN = frozenset({
    "title", "group", "group_id", "customer", "customer_id", "state", "state_id", "priority", "priority_id",
    "owner", "owner_id", "note", "article", "tags", "mentions",
})  # fmt: skip
MOST = 50

Ticket = dict[str, Any]


@dataclass(slots=True)
class Zammad:
    """Tickets in memory. ``attributes``: what the administrator has added to tickets."""

    token: str
    cti_token: str = "cti"
    groups: tuple[str, ...] = ("Users", "12345")
    attributes: frozenset[str] = frozenset()
    tickets: list[Ticket] = field(default_factory=list)
    articles: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    calls: list[dict[str, Any]] = field(default_factory=list)

    def app(self) -> Starlette:
        """The endpoint."""
        return Starlette(
            routes=[
                Route("/api/v1/tickets/search", self._search),
                Route("/api/v1/tickets", self._create, methods=["POST"]),
                Route("/api/v1/tickets/{id:int}", self._show),
                Route("/api/v1/tickets/{id:int}", self._update, methods=["PUT"]),
                Route("/api/v1/ticket_articles/by_ticket/{id:int}", self._articles),
                Route("/api/v1/cti/{token}", self._cti, methods=["POST"]),
            ]
        )

    def set_state(self, ticket: int, state: str) -> None:
        """Somebody has worked on it."""
        self.tickets[ticket - 1] |= {"state_id": _state_id(state), "updated_at": _now()}

    async def _create(self, request: Request) -> Response:
        if (refused := self._refused(request)) is not None:
            return refused
        given = await request.json()
        for name in ("title", "article"):
            if not given.get(name):
                return _error(422, f"Missing required value for field '{name}'!")
        if given.get("group") not in self.groups:
            return _error(422, "No lookup value found for 'group': " + repr(given.get("group")))
        if not (given.get("customer") or given.get("customer_id")):
            return _error(422, "Missing required value for field 'customer_id'!")
        if not given["article"].get("body"):
            return _error(422, "Missing required value for field 'body'!")
        ticket_id = len(self.tickets) + 1
        ticket: Ticket = {
            "id": ticket_id,
            "number": str(22_000 + ticket_id),
            "title": given["title"],
            "group_id": self.groups.index(given["group"]) + 1,
            "state_id": _state_id(given.get("state", "new")),
            "priority_id": 2,
            "owner_id": 1,
            "customer_id": 10,
            "created_at": _now(),
            "updated_at": _now(),
            "article_ids": [ticket_id * 10],
        }
        # an attribute that nobody has made is ignored, as Zammad does
        ticket |= {name: given.get(name) for name in self.attributes}
        self.tickets.append(ticket)
        self.articles[ticket_id] = [given["article"]]
        return JSONResponse(ticket, 201)

    async def _show(self, request: Request) -> Response:
        if (refused := self._refused(request)) is not None:
            return refused
        ticket = self._ticket(request)
        return JSONResponse(self._shown(ticket, request)) if ticket else _error(404, "Not found")

    async def _update(self, request: Request) -> Response:
        if (refused := self._refused(request)) is not None:
            return refused
        ticket = self._ticket(request)
        if ticket is None:
            return _error(404, "Not found")
        given = await request.json()
        if "state" in given:
            ticket["state_id"] = _state_id(given["state"])
        if article := given.get("article"):
            self.articles[ticket["id"]].append(article)
        ticket["updated_at"] = _now()
        return JSONResponse(self._shown(ticket, request))

    async def _articles(self, request: Request) -> Response:
        if (refused := self._refused(request)) is not None:
            return refused
        ticket = self._ticket(request)
        return JSONResponse(self.articles[ticket["id"]]) if ticket else _error(404, "Not found")

    async def _search(self, request: Request) -> Response:
        """Full text over title, number, articles and added attributes; every word must be there."""
        if (refused := self._refused(request)) is not None:
            return refused
        words = request.query_params.get("query", "").replace('"', " ").split()
        wanted = [word.partition(":")[2] if ":" in word else word for word in words]
        found = [it for it in self.tickets if all(word in self._text(it) for word in wanted)]
        limit = min(int(request.query_params.get("limit", MOST)), MOST)
        return JSONResponse([self._shown(it, request) for it in found[:limit]])

    async def _cti(self, request: Request) -> Response:
        if request.path_params["token"] != self.cti_token:
            return _error(401, "Invalid token, please contact your admin!")
        event = await request.json()
        if event.get("event") not in {"newCall", "answer", "hangup"}:
            return _error(422, "Missing event")
        if not all(event.get(name) for name in ("from", "to", "direction", "callId")):
            return _error(422, "Missing attributes")
        self.calls.append(event)
        return JSONResponse({})

    def _refused(self, request: Request) -> Response | None:
        right = request.headers.get("authorization") == f"Token token={self.token}"
        return None if right else _error(401, "Invalid token!")

    def _ticket(self, request: Request) -> Ticket | None:
        place = request.path_params["id"] - 1
        return self.tickets[place] if 0 <= place < len(self.tickets) else None

    def _text(self, ticket: Ticket) -> str:
        bodies = [str(it.get("body")) for it in self.articles[ticket["id"]]]
        added = [str(ticket.get(name)) for name in self.attributes]
        return " ".join([ticket["title"], ticket["number"], *bodies, *added])

    def _shown(self, ticket: Ticket, request: Request) -> Ticket:
        if request.query_params.get("expand") != "true":
            return ticket
        names = {"state": STATES[ticket["state_id"]], "group": self.groups[ticket["group_id"] - 1]}
        return ticket | names


def _state_id(name: str) -> int:
    return next(number for number, state in STATES.items() if state == name)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _error(status: int, why: str) -> Response:
    return JSONResponse({"error": why, "error_human": why}, status)
