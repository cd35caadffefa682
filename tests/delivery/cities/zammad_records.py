"""What a Zammad keeps: tickets, articles, and the names it knows (states, priorities, kinds of articles)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

STATES = {
    "new": 1,
    "open": 2,
    "pending reminder": 3,
    "closed": 4,
    "merged": 5,
    "removed": 6,
    "pending close": 7,
}
PRIORITIES = {"1 low": 1, "2 normal": 2, "3 high": 3}
ARTICLE_TYPES = {"email": 1, "sms": 2, "chat": 3, "fax": 4, "phone": 5, "note": 10, "web": 11}
SENDERS = {"Agent": 1, "Customer": 2, "System": 3}
TICKET_FIELDS = frozenset(
    {"title", "group", "group_id", "customer", "customer_id", "owner", "owner_id", "state", "state_id"}
    | {"priority", "priority_id", "note", "article", "tags", "mentions", "links", "pending_time"}
    | {"preferences", "type", "time_unit"}
)
ARTICLE_FIELDS = frozenset(
    {"ticket_id", "subject", "body", "content_type", "type", "type_id", "internal", "sender", "sender_id"}
    | {"to", "cc", "from", "time_unit", "attachments", "origin_by", "origin_by_id", "reply_to"}
    | {"in_reply_to", "preferences"}
)


@dataclass(frozen=True, slots=True)
class Article:
    number: int
    ticket: int
    subject: str | None
    body: str
    type: str
    sender: str
    internal: bool
    content_type: str
    at: datetime

    def shown(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "id": self.number,
            "ticket_id": self.ticket,
            "type_id": ARTICLE_TYPES[self.type],
            "sender_id": SENDERS[self.sender],
            "from": "12345",
            "subject": self.subject,
            "content_type": self.content_type,
            "body": self.body,
            "internal": self.internal,
            "type": self.type,
            "sender": self.sender,
            "created_at": iso(self.at),
            "updated_at": iso(self.at),
            "created_by": "hotline",
        }


@dataclass(frozen=True, slots=True)
class Ticket:
    number: int
    title: str
    group: str
    state: str
    priority: str
    customer: str
    created_at: datetime
    updated_at: datetime
    attributes: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    merged_into: int | None = None
    pending_time: str | None = None


def iso(at: datetime) -> str:
    """A time as Rails writes it."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
