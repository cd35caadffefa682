"""A city's Zammad, as docs.zammad.org and its public source describe it: tickets, search, tags, CTI.

What surprises clients of the real one is here, too: an object attribute that no administrator has made is
dropped without a word; a list of tags breaks it; with Elasticsearch a query is Lucene's (brackets must be
quoted), words are found whole, and what is new is found a while later; without it a query is looked for
letter by letter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from tests.delivery.cities import zammad_calls
from tests.delivery.cities.base import Asked, City, Refused, Reply
from tests.delivery.cities.zammad_records import (
    ARTICLE_FIELDS,
    ARTICLE_TYPES,
    PRIORITIES,
    SENDERS,
    STATES,
    TICKET_FIELDS,
    Article,
    Ticket,
    iso,
)
from tests.delivery.cities.zammad_search import condition, holds, lucene, within, words

#: what a request is for, by its method and path
STEPS = (
    (r"POST tickets", "create"),
    (r"(GET|POST) tickets/search", "search"),
    (r"GET tickets", "list"),
    (r"GET tickets/[^/]+", "read"),
    (r"(PUT|PATCH) tickets/[^/]+", "update"),
    (r"POST ticket_articles", "article"),
    (r"GET ticket_articles/by_ticket/[^/]+", "articles"),
    (r"GET ticket_states", "states"),
    (r"(GET|POST|DELETE) tags(/add|/remove)?", "tags"),
    (r"GET users/me", "me"),
    (r"GET links", "links"),
)


class ZammadCity(City):
    """``elastic``: searched by Elasticsearch or by the database. ``attributes``: the administrator's."""

    TOKEN = "zammad-token"
    CTI_TOKEN = "cti-token"

    def __init__(
        self,
        *,
        elastic: bool = True,
        attributes: Sequence[str] = (),
        groups: Sequence[str] = ("12345", "城管", "内部"),
        readable: Sequence[str] = ("12345", "城管"),
        customers: Sequence[str] = ("hotline@city.example",),
    ) -> None:
        self.elastic = elastic
        self.attributes = frozenset(attributes)
        self.groups = {name: place for place, name in enumerate(groups, start=1)}
        self.readable = set(readable)
        self.customers = {name: place for place, name in enumerate(customers, start=10)}
        self.tickets: dict[int, Ticket] = {}
        self.articles: dict[int, Article] = {}
        self.calls: list[dict[str, Any]] = []
        #: so many searches do not yet know the newest ticket
        self.lag = 0
        self._next = 19
        self._next_article = 30
        super().__init__()

    # the city's side

    def set_state(self, number: int, state: str, *, note: str | None = None, internal: bool = False) -> None:
        assert state in STATES
        with self.lock:
            pending = "2030-01-01T00:00:00.000Z" if state.startswith("pending") else None
            self._keep(replace(self.tickets[number], state=state, pending_time=pending))
            if note is not None:
                self._add(number, {"body": note, "internal": internal})

    def merge(self, number: int, into: int) -> None:
        with self.lock:
            self.articles = {
                key: replace(it, ticket=into) if it.ticket == number else it
                for key, it in self.articles.items()
            }
            self._add(number, {"body": "merged"})
            self._keep(replace(self.tickets[number], state="merged", merged_into=into))
            self._keep(self.tickets[into])

    def move(self, number: int, group: str) -> None:
        with self.lock:
            self._keep(replace(self.tickets[number], group=group))

    def remove(self, number: int) -> None:
        with self.lock:
            del self.tickets[number]

    def retitle(self, number: int, title: str) -> None:
        with self.lock:
            self._keep(replace(self.tickets[number], title=title))

    def of(self, number: int) -> list[Article]:
        with self.lock:
            return [it for it in self.articles.values() if it.ticket == number]

    def holding(self, words: str) -> list[Ticket]:
        with self.lock:
            return [
                it
                for it in self.tickets.values()
                if words in it.title or words in it.attributes.values() or words in str(self._texts(it))
            ]

    # HTTP

    def step(self, asked: Asked) -> str:
        if asked.path.startswith("/api/v1/cti/"):
            return "call"
        line = f"{asked.method} {asked.path.removeprefix('/api/v1/')}"
        return next((step for form, step in STEPS if re.fullmatch(form, line)), "unknown")

    def do(self, step: str, asked: Asked) -> Reply:
        if step == "call":
            return zammad_calls.take(self, asked)
        self._who(asked)
        return self._steps()[step](asked)

    def refused(self, asked: Asked, error: Refused) -> Reply:
        said = {"error": str(error)}
        return Reply(error.status, {**said, "error_human": str(error)} if error.human else said)

    def _steps(self) -> dict[str, Callable[[Asked], Reply]]:
        return {
            "create": self._create,
            "search": self._search,
            "list": lambda asked: Reply(200, self._page(list(self._seen_tickets()), _query(asked), 100, 100)),
            "read": lambda asked: Reply(200, self._shown(self._found(asked), _query(asked))),
            "update": self._update,
            "article": self._article,
            "articles": lambda asked: Reply(200, [it.shown() for it in self.of(self._found(asked).number)]),
            "states": lambda _: Reply(
                200, [{"id": it, "name": name, "active": True} for name, it in STATES.items()]
            ),
            "tags": self._tags,
            "me": lambda _: Reply(200, {"id": 3, "login": "hotline", "active": True}),
            "links": lambda asked: Reply(200, {"links": [], "assets": {}}),
            "unknown": _no_route,
        }

    def broken(self, asked: Asked) -> Reply:
        return Reply(500, {"error": "Error ID rLbX2k: Please contact your administrator."})

    def _who(self, asked: Asked) -> None:
        scheme, _, rest = asked.headers.get("authorization", "").partition(" ")
        if not scheme:
            raise Refused(403, "Authentication required")
        found = re.fullmatch(r'token="?([^",]*)"?', rest.strip())
        if scheme != "Token" or found is None or found[1] != self.TOKEN:
            raise Refused(401, "Can't find User for Token")
        for name in ("from", "x-on-behalf-of"):
            if name in asked.headers:
                raise Refused(401, f"Current user has no permission to use '{name}'!")

    # tickets

    def _create(self, asked: Asked) -> Reply:
        given = self._document(asked, TICKET_FIELDS | self.attributes)
        if isinstance(given.get("tags"), list):
            raise Refused(500, "Error ID tags: Please contact your administrator.", human=False)
        number, now = self._next, datetime.now(UTC)
        ticket = self._filled(Ticket(number, "", "", "new", "2 normal", "", now, now), given)
        if not ticket.group:
            raise Refused(422, "Group can't be blank")
        for name in ("title", "customer"):
            if not getattr(ticket, name):
                raise Refused(422, f"Missing required value for field '{name}'!")
        article = given.get("article")
        if article is not None:
            self._body(article)
        self._next += 1
        tags = tuple(it.strip() for it in (given.get("tags") or "").split(",") if it.strip())
        self._keep(replace(ticket, tags=tags))
        if article is not None:
            self._add(number, article)
        return Reply(201, self._shown(self.tickets[number], _query(asked)))

    def _update(self, asked: Asked) -> Reply:
        ticket = self._found(asked)
        given = self._document(asked, TICKET_FIELDS | self.attributes)
        ticket = self._filled(ticket, given)
        if article := given.get("article"):
            self._body(article)
        self._keep(ticket)
        if article:
            self._add(ticket.number, article)
        return Reply(200, self._shown(self.tickets[ticket.number], _query(asked)))

    def _filled(self, ticket: Ticket, given: Mapping[str, Any]) -> Ticket:
        title = given.get("title", ticket.title)
        if not isinstance(title, str) or len(title) > 250:
            raise Refused(422, "value too long for type character varying(250)")
        group = self._name("group", given, self.groups, ticket.group)
        if group and group not in self.readable:
            raise Refused(403, "Not authorized")
        state = self._name("state", given, STATES, ticket.state)
        pending = given.get("pending_time", ticket.pending_time)
        if state.startswith("pending") and not pending:
            raise Refused(422, "Missing required value for field 'pending_time'!")
        return replace(
            ticket,
            title=re.sub(r"\s", " ", title),
            group=group,
            state=state,
            pending_time=pending,
            priority=self._name("priority", given, PRIORITIES, ticket.priority),
            customer=self._customer(given, ticket.customer),
            attributes={**ticket.attributes, **{k: v for k, v in given.items() if k in self.attributes}},
        )

    def _name(self, name: str, given: Mapping[str, Any], known: Mapping[str, int], now: str) -> str:
        by_number = {place: it for it, place in known.items()}
        if (number := given.get(f"{name}_id")) is not None:
            if number not in by_number:
                raise Refused(422, f"Invalid value for param '{name}_id': {number!r}")
            return by_number[number]
        value = given.get(name)
        if value is None:
            return now
        if value not in known:
            raise Refused(422, f"No lookup value found for '{name}': {json.dumps(value, ensure_ascii=False)}")
        return str(value)

    def _customer(self, given: Mapping[str, Any], now: str) -> str:
        by_number = {place: it for it, place in self.customers.items()}
        number, customer = given.get("customer_id"), given.get("customer")
        if isinstance(number, str) and number.startswith("guess:"):
            address = number.removeprefix("guess:")
            if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", address):
                raise Refused(422, f"Invalid email '{address}' of customer")
            customer, number = address, None
            self.customers.setdefault(address, len(self.customers) + 10)
        if number is not None:
            if number not in by_number:
                raise Refused(422, f"Invalid value for param 'customer_id': {number!r}")
            return by_number[number]
        if isinstance(customer, dict):
            customer = str(customer.get("email") or customer.get("login") or "")
            self.customers.setdefault(customer, len(self.customers) + 10)
        if customer is not None and customer not in self.customers:
            raise Refused(422, f"No lookup value found for 'customer': {json.dumps(customer)}")
        return now if customer is None else str(customer)

    def _document(self, asked: Asked, known: frozenset[str]) -> dict[str, Any]:
        if asked.media_type != "application/json":
            raise Refused(422, f"application/json is expected, {asked.media_type or 'nothing'} came")
        try:
            given = json.loads(asked.body.decode("utf-8"))
        except ValueError as error:
            raise Refused(400, f"Error occurred while parsing request parameters: {error}") from error
        if not isinstance(given, dict):
            raise Refused(422, "an object is expected")
        if dropped := set(given) - known:
            self.complain(f"dropped without a word: {', '.join(sorted(dropped))}")
        return given

    def _found(self, asked: Asked) -> Ticket:
        name = asked.path.rpartition("/")[2]
        return self._ticket(int(name) if name.isdecimal() else -1)

    def _ticket(self, number: int) -> Ticket:
        ticket = self.tickets.get(number)
        if ticket is None:
            raise Refused(404, f"Couldn't find Ticket with 'id'={number}")
        if ticket.group not in self.readable:
            raise Refused(403, "Not authorized")
        return ticket

    def _keep(self, ticket: Ticket) -> None:
        self.tickets[ticket.number] = replace(ticket, updated_at=datetime.now(UTC))

    def _shown(self, ticket: Ticket, query: Mapping[str, str]) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "id": ticket.number,
            "group_id": self.groups[ticket.group],
            "priority_id": PRIORITIES[ticket.priority],
            "state_id": STATES[ticket.state],
            "organization_id": None,
            "number": str(22000 + ticket.number),
            "title": ticket.title,
            "owner_id": 1,
            "customer_id": self.customers[ticket.customer],
            "note": None,
            "pending_time": ticket.pending_time,
            "article_count": len(self.of(ticket.number)),
            "preferences": {},
            "updated_by_id": 3,
            "created_by_id": 3,
            "created_at": iso(ticket.created_at),
            "updated_at": iso(ticket.updated_at),
            **{name: ticket.attributes.get(name) for name in sorted(self.attributes)},
            "article_ids": [it.number for it in reversed(self.of(ticket.number))],
        }
        if query.get("expand") in ("true", "1"):
            names = {"group": ticket.group, "state": ticket.state, "priority": ticket.priority}
            shown |= names | {"customer": ticket.customer, "owner": "-", "updated_by": "hotline"}
        return shown

    # search

    def _search(self, asked: Asked) -> Reply:
        query = _query(asked)
        given = self._document(asked, frozenset({"condition", "query"})) if asked.method == "POST" else {}
        asks = (query.get("query") or given.get("query") or "").replace("*", "").strip()
        found = sorted(self._seen_tickets(), key=lambda it: it.updated_at, reverse=True)
        if asks and self.elastic:
            if self.lag and found:
                self.lag -= 1
                found = found[1:]
            ask = lucene(asks)
            if ask is None:
                self.complain(f"search: Elasticsearch cannot parse {asks}")
            found = [it for it in found if ask and all(self._matches(it, *part) for part in ask)]
        elif asks:
            found = [it for it in found if any(asks.lower() in text.lower() for text in self._texts(it))]
        for name, rule in (given.get("condition") or condition(asked)).items():
            found = [it for it in found if holds(self._values(it), name, rule)]
        page = self._page(found, query, 50, 200)
        if query.get("full") in ("true", "1"):
            return Reply(
                200, {"record_ids": [it["id"] for it in page], "assets": {}, "total_count": len(found)}
            )
        return Reply(200, page)

    def _seen_tickets(self) -> list[Ticket]:
        return [it for it in self.tickets.values() if it.group in self.readable]

    def _page(
        self, found: Sequence[Ticket], query: Mapping[str, str], usual: int, most: int
    ) -> list[dict[str, Any]]:
        limit = min(int(query.get("per_page") or query.get("limit") or usual), most)
        first = (int(query.get("page") or 1) - 1) * limit
        return [self._shown(it, query) for it in found[first : first + limit]]

    def _texts(self, ticket: Ticket) -> list[str]:
        said = [text for it in self.of(ticket.number) for text in (it.subject or "", it.body)]
        return [ticket.title, str(22000 + ticket.number), *said]

    def _matches(self, ticket: Ticket, name: str, phrase: list[str]) -> bool:
        said = [it.subject or "" for it in self.of(ticket.number)]
        bodies = [it.body for it in self.of(ticket.number)]
        fields = {
            "title": [ticket.title],
            "number": [str(22000 + ticket.number)],
            "article.subject": said,
            "article.body": bodies,
            "state.name": [ticket.state],
            "group.name": [ticket.group],
            "tags": list(ticket.tags),
            **{it: [str(value)] for it, value in ticket.attributes.items()},
        }
        texts = [text for values in fields.values() for text in values] if not name else fields.get(name, [])
        return any(within(phrase, words(text)) for text in texts)

    def _values(self, ticket: Ticket) -> dict[str, Any]:
        built_in = {
            "title": ticket.title,
            "number": str(22000 + ticket.number),
            "state_id": STATES[ticket.state],
        }
        return {**built_in, **{name: ticket.attributes.get(name) for name in self.attributes}}

    # articles, tags

    def _article(self, asked: Asked) -> Reply:
        given = self._document(asked, ARTICLE_FIELDS)
        ticket = self._ticket(int(given.get("ticket_id") or -1))
        self._body(given)
        article = self._add(ticket.number, given)
        self._keep(ticket)
        return Reply(201, article.shown())

    def _body(self, given: Any) -> None:
        if not isinstance(given, dict) or given.get("body") is None:
            raise Refused(422, 'Need at least article: { body: "some text" }')
        if dropped := set(given) - ARTICLE_FIELDS:
            self.complain(f"article, dropped without a word: {', '.join(sorted(dropped))}")
        self._name("type", given, ARTICLE_TYPES, "note")
        self._name("sender", given, SENDERS, "Agent")
        if given.get("content_type", "text/plain") not in ("text/plain", "text/html"):
            raise Refused(422, f"content_type {given['content_type']}")

    def _add(self, ticket: int, given: Mapping[str, Any]) -> Article:
        article = Article(
            self._next_article,
            ticket,
            given.get("subject"),
            given["body"],
            self._name("type", given, ARTICLE_TYPES, "note"),
            self._name("sender", given, SENDERS, "Agent"),
            bool(given.get("internal", False)),
            given.get("content_type", "text/plain"),
            datetime.now(UTC),
        )
        self._next_article += 1
        self.articles[article.number] = article
        return article

    def _tags(self, asked: Asked) -> Reply:
        given: Mapping[str, Any] = (
            _query(asked)
            if asked.method == "GET"
            else self._document(asked, frozenset({"item", "object", "o_id"}))
        )
        if given.get("object") != "Ticket":
            raise Refused(422, "object must be Ticket")
        ticket = self._ticket(int(given.get("o_id") or -1))
        if asked.method == "GET":
            return Reply(200, {"tags": list(ticket.tags)})
        item = str(given.get("item") or "")
        kept = tuple(it for it in ticket.tags if it != item)
        self._keep(replace(ticket, tags=(*kept, item) if asked.path.endswith("/add") else kept))
        return Reply(201, True)

    # troubles

    def other(self, step: str, reply: Reply) -> Reply:
        if isinstance(reply.document, dict) and "id" in reply.document:
            return replace(reply, document={**reply.document, "id": 999_999, "number": "1021999"})
        return reply

    def two(self, step: str, reply: Reply) -> Reply:
        if isinstance(reply.document, dict) and "id" in reply.document:
            return replace(reply, document=[reply.document, {**reply.document, "id": 999_999}])
        return reply


def _no_route(asked: Asked) -> Reply:
    raise Refused(404, f"No route matches [{asked.method}] {asked.path}")


def _query(asked: Asked) -> dict[str, str]:
    return dict(parse_qsl(asked.query, keep_blank_values=True))
