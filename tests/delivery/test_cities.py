"""The cities' systems are as strict as their specifications: what a connector must not do is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.delivery.cities.open311 import Attribute, Open311City, Service
from tests.delivery.cities.webhook import WebhookCity, signed_headers
from tests.delivery.cities.zammad import ZammadCity

FORM = {
    "api_key": "open311-key",
    "jurisdiction_id": "city.example",
    "service_code": "001",
    "address_string": "路",
}
TICKET = {
    "title": "停水",
    "group": "12345",
    "customer_id": "guess:a@city.example",
    "article": {"body": "三天"},
}
LISTED = {"jurisdiction_id": "city.example"}


@pytest.mark.parametrize(
    ("status", "changes"),
    [
        (200, {}),
        (403, {"api_key": "wrong"}),
        (403, {"api_key": ""}),
        (400, {"jurisdiction_id": ""}),
        (404, {"jurisdiction_id": "elsewhere"}),
        (400, {"service_code": ""}),
        (404, {"service_code": "999"}),
        (400, {"address_string": ""}),
        (400, {"lat": "36.4"}),
        (400, {"lat": "91", "long": "94.9"}),
        (400, {"description": "长" * 4001}),
        (400, {"description": "<b>停水</b>"}),
        (400, {"title": "no such argument"}),
        (400, {"service_code": "002"}),
        (400, {"service_code": "002", "attribute[A]": "3"}),
        (200, {"service_code": "002", "attribute[A]": "1"}),
        (400, {"attribute[A]": "1"}),
    ],
)
def test_georeport_takes_what_is_right(status: int, changes: dict[str, str]) -> None:
    services = (Service("001", "路"), Service("002", "灯", attributes=[Attribute("A", values={"1": "是"})]))
    with Open311City(services) as city:
        answer = httpx.post(f"{city.url}/v2/requests.json", data=FORM | changes)
        assert (answer.status_code, len(city.requests)) == (status, int(status == 200)), answer.text
        if status != 200:
            assert [{"code", "description"}] == [set(it) for it in answer.json()]


@pytest.mark.parametrize(
    ("status", "path", "asked"),
    [
        (200, "requests.xml", LISTED),
        (404, "requests.html", LISTED),
        (400, "requests.json", {}),
        (400, "requests.json", LISTED | {"start_date": "2026-11-26"}),
        (
            400,
            "requests.json",
            LISTED | {"start_date": "2026-01-01T00:00:00Z", "end_date": "2026-11-01T00:00:00Z"},
        ),
        (400, "requests.json", LISTED | {"status": "pending"}),
        (404, "requests/1.json", LISTED),
        (404, "tokens/1.json", LISTED),
        (200, "services/001.xml", LISTED),
    ],
)
def test_georeport_is_asked_rightly(status: int, path: str, asked: dict[str, str]) -> None:
    with Open311City() as city:
        assert httpx.get(f"{city.url}/v2/{path}", params=asked).status_code == status
        sent = httpx.post(f"{city.url}/v2/requests.json", json=FORM)
        assert sent.status_code == 400, "a form is wanted"


@pytest.mark.parametrize(
    ("status", "token", "changes"),
    [
        (201, "Token token=zammad-token", {}),
        (403, "", {}),
        (401, "Token token=wrong", {}),
        (401, "Bearer zammad-token", {}),
        (422, "Token token=zammad-token", {"group": "没有"}),
        (422, "Token token=zammad-token", {"group": None}),
        (403, "Token token=zammad-token", {"group": "内部"}),
        (422, "Token token=zammad-token", {"customer_id": None}),
        (422, "Token token=zammad-token", {"customer_id": "guess:nobody"}),
        (422, "Token token=zammad-token", {"title": "长" * 251}),
        (422, "Token token=zammad-token", {"state": "done"}),
        (422, "Token token=zammad-token", {"state": "pending reminder"}),
        (422, "Token token=zammad-token", {"article": {"subject": "没有内容"}}),
        (500, "Token token=zammad-token", {"tags": ["a", "b"]}),
    ],
)
def test_zammad_takes_what_is_right(status: int, token: str, changes: dict[str, Any]) -> None:
    with ZammadCity() as city:
        headers = {"Authorization": token} if token else {}
        answer = httpx.post(f"{city.url}/api/v1/tickets", json=TICKET | changes, headers=headers)
        assert (answer.status_code, len(city.tickets)) == (status, int(status == 201)), answer.text


Change = Callable[[dict[str, str]], dict[str, str]]


@pytest.mark.parametrize(
    ("status", "change"),
    [
        (200, lambda it: it),
        (401, lambda it: it | {"Hotline-Signature": "v1=00"}),
        (401, lambda it: it | {"Hotline-Timestamp": "1700000000"}),
        (401, lambda it: it | {"Idempotency-Key": "another-key"}),
        (415, lambda it: it | {"Content-Type": "text/plain"}),
    ],
)
def test_the_webhook_takes_what_is_signed(status: int, change: Change) -> None:
    body = b'{"kind": "ticket", "ticket": {"number": "GM1"}}'
    with WebhookCity() as city:
        headers = change(signed_headers(city.SECRET, "GM20261126001", body))
        assert httpx.post(f"{city.url}/hotline", content=body, headers=headers).status_code == status
        assert len(city.held) == int(status == 200)
