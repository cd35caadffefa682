"""The API against its own description: whatever is sent, no fault of ours, every answer as described."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from config.hotline import load_hotline
from config.settings import Settings
from tests.desk.people import answered_call, stored
from tests.routes import every_route
from tests.tickets.city import HOUSING
from ticketing_bridge.api.app import create_api
from ticketing_bridge.api.clients import NEEDED, NeedsScope, Scope, new_token
from ticketing_bridge.bench.outside.serving import Outside
from ticketing_bridge.store import Database

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
#: requests made up for each route and way of making them up
EXAMPLES = 3


@pytest.fixture
def served(settings: Settings, database_url: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The API by itself, and a client of everything, one of a unit."""

    async def prepare() -> dict[str, str]:
        tokens = {}
        async with Database(database_url) as database:
            await stored(database, answered_call(), with_words=True)
            for name, role, unit in (("admin", "admin", None), ("housing", "unit", HOUSING)):
                tokens[name] = new_token()
                async with database.unit_of_work() as uow:
                    await uow.api.add(
                        name, tokens[name], role=role, unit=unit, scopes=[*Scope], per_minute=100_000,
                        expires_at=datetime.now(UTC) + timedelta(days=1), by="tests",
                    )  # fmt: skip
        return tokens

    tokens = asyncio.run(prepare())
    with Outside() as outside:
        yield outside.serve(create_api(settings, Database(database_url), load_hotline())), tokens


def test_nothing_that_is_sent_is_a_fault(served: tuple[str, dict[str, str]]) -> None:
    """Whatever is made up is sent by each client: making it up takes longer than sending it."""
    url, tokens = served
    described = httpx.get(f"{url}/openapi.json").json()
    described["servers"] = [{"url": url}]
    schema = schemathesis.openapi.from_dict(described)
    for result in schema.get_all_operations():
        operation = result.ok()
        ways = [GenerationMode.POSITIVE]
        if operation.method == "post":
            ways.append(GenerationMode.NEGATIVE)
        for way in ways:

            @settings(
                max_examples=EXAMPLES, deadline=None, suppress_health_check=[*HealthCheck], database=None
            )
            @given(case=operation.as_strategy(generation_mode=way))
            def ask(case: schemathesis.Case) -> None:
                for token in tokens.values():
                    headers = {"Authorization": f"Bearer {token}"}
                    case.call_and_validate(base_url=url, headers=headers, checks=CHECKS)

            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    ask()
                except Exception as problem:
                    if type(problem).__name__ != "Unsatisfiable":
                        raise AssertionError(f"{operation.label} ({way})") from problem


def test_every_route_asks_a_scope(settings: Settings, database: Database) -> None:
    """But for who the client is, and signed messages, which carry their proof themselves."""
    api = create_api(settings, database, load_hotline())
    assert set(NEEDED) == set(Scope)
    asked = {
        route.path: any(isinstance(it, NeedsScope) for it in called) for route, called in every_route(api)
    }
    assert len(asked) > 10
    assert {path for path, scoped in asked.items() if not scoped} == {"/me", "/webhooks/{connector}"}
