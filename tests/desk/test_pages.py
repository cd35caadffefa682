"""Who may see what: login, forms, masked numbers, open routes, headers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import argon2
import httpx
import pytest
from argon2 import PasswordHasher
from starlette.routing import BaseRoute, Mount, Route

from config.hotline import load_hotline
from facts.call import Outcome
from facts.identity import CallKey
from tests.desk.people import (
    KEY,
    LOGIN,
    NUMBER,
    PASSWORD,
    RECORD,
    SPOKEN,
    House,
    answered_call,
    csrf_of,
    missed_call,
    signed_in,
    stored,
    talking_call,
    waiting_call,
)
from ticketing_bridge.desk import auth
from ticketing_bridge.desk.app import create_app
from ticketing_bridge.desk.auth import SESSION_COOKIE, Brake, ensure_first_user
from ticketing_bridge.desk.security import BODY_LIMIT, KnownHost
from ticketing_bridge.store import Database

#: what may be asked for without a login, and why
#: (the API asks for tokens: tests/api)
OPEN = {"/static", "/login", "/healthz", "/metrics", "/api/v1"}


def leaves(routes: list[BaseRoute], prefix: str = "") -> list[tuple[str, str]]:
    """Every (method, path) that the application answers, however deep it was included."""
    found: list[tuple[str, str]] = []
    for route in routes:
        if isinstance(route, Route) and route.methods:
            found += [(method, prefix + route.path) for method in sorted(route.methods - {"HEAD"})]
        elif isinstance(route, Mount):
            found += [("GET", prefix + route.path)]
        else:
            inner = getattr(route, "original_router", None) or getattr(route, "router", None)
            assert inner is not None, f"a route of an unknown kind: {route!r}"
            found += leaves(inner.routes, prefix)
    return found


async def test_every_route_wants_a_login_unless_listed(house: House, visitor: httpx.AsyncClient) -> None:
    await stored(house.database, answered_call())
    routes = leaves(house.app.routes)
    assert len(routes) >= 11
    for method, path in routes:
        if path in OPEN:
            continue
        answer = await visitor.request(
            method, path.replace("{key}", str(KEY)), data={} if method == "POST" else None
        )
        sent_away = answer.status_code == 303 and answer.headers["location"].startswith("/login")
        assert sent_away or answer.status_code == 401, f"{method} {path} is open: {answer.status_code}"


async def test_a_person_signs_in_and_out(agent: httpx.AsyncClient, house: House) -> None:
    board = await agent.get("/")
    assert board.status_code == 200
    token = agent.cookies[SESSION_COOKIE]
    left = await agent.post("/logout", data={"csrf": csrf_of(board)})
    assert left.headers["location"] == "/login"
    agent.cookies.set(SESSION_COOKIE, token)
    assert (await agent.get("/")).status_code == 303, "the old cookie is worth nothing"
    async with house.database.unit_of_work() as uow:
        assert [entry.action for entry in await uow.audit.list()] == ["logout", "login"]


async def test_the_session_cookie_is_kept_from_scripts_and_other_sites(visitor: httpx.AsyncClient) -> None:
    answer = await signed_in(visitor)
    cookie = next(it for it in answer.headers.get_list("set-cookie") if it.startswith(SESSION_COOKIE))
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()


@pytest.mark.parametrize(("login", "password"), [(LOGIN, "wrong"), ("nobody", PASSWORD), (LOGIN, "")])
async def test_a_wrong_login_says_the_same_whatever_is_wrong(
    visitor: httpx.AsyncClient, login: str, password: str
) -> None:
    answer = await signed_in(visitor, login, password)
    assert answer.status_code == 401
    assert "用户名或密码不正确" in answer.text
    assert SESSION_COOKIE not in visitor.cookies


async def test_a_hash_weaker_than_todays_is_made_anew_at_login(
    house: House, visitor: httpx.AsyncClient
) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=32, parallelism=1).hash(PASSWORD)
    async with house.database.unit_of_work() as uow:
        await uow.users.set_password(LOGIN, weak)
    await signed_in(visitor)
    assert (await visitor.get("/")).status_code == 200
    async with house.database.unit_of_work() as uow:
        account = await uow.users.by_login(LOGIN)
    assert account
    assert not auth.outdated(account.password_hash)
    assert await auth.password_right(account.password_hash, PASSWORD)


def test_passwords_are_kept_by_argon2id_at_full_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    made = auth.hash_password(PASSWORD)
    assert made.startswith("$argon2id$")
    assert argon2.extract_parameters(made).memory_cost >= 19 * 1024


async def test_a_disabled_account_stays_out(house: House, visitor: httpx.AsyncClient) -> None:
    async with house.database.unit_of_work() as uow:
        await uow.users.disable(LOGIN)
    assert (await signed_in(visitor)).status_code == 401


async def test_guessing_is_braked_and_the_right_password_must_wait_too(visitor: httpx.AsyncClient) -> None:
    for _ in range(5):
        assert (await signed_in(visitor, LOGIN, "wrong")).status_code == 401
    refused = await signed_in(visitor)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 300


def test_the_brake_opens_again_after_its_time() -> None:
    now = [0.0]
    brake = Brake(free=2, window_s=60, clock=lambda: now[0])
    brake.failed("a")
    now[0] = 10.0
    brake.failed("a")
    assert brake.wait_s("a") == 50.0
    assert brake.wait_s("b") == 0.0
    now[0] = 61.0
    assert brake.wait_s("a") == 0.0


def test_the_brake_forgets_the_oldest_names_first() -> None:
    brake = Brake(free=1, kept=100)
    for number in range(1000):
        brake.failed(str(number))
    assert brake.wait_s("0") == 0.0
    assert brake.wait_s("999") > 0.0


@pytest.mark.parametrize(
    "next_page", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:1"]
)
async def test_a_login_leads_to_this_site_only(visitor: httpx.AsyncClient, next_page: str) -> None:
    form = await visitor.get("/login", params={"next": next_page})
    fields = {"csrf": csrf_of(form), "login": LOGIN, "password": PASSWORD, "next": next_page}
    assert (await visitor.post("/login", data=fields)).headers["location"] == "/"


async def test_a_form_of_another_site_is_refused(agent: httpx.AsyncClient, house: House) -> None:
    await stored(house.database, answered_call())
    for path in ("/logout", f"/calls/{KEY}/number"):
        answer = await agent.post(path, data={"reason": "回拨市民", "csrf": "0" * 64})
        assert answer.status_code == 403
        assert NUMBER not in answer.text
    async with house.database.unit_of_work() as uow:
        assert [entry.action for entry in await uow.audit.list()] == ["login"]
    agent.cookies.delete("hotline_visitor")
    assert (await agent.post("/login", data={"login": LOGIN, "password": PASSWORD})).status_code == 403


async def test_numbers_are_masked_on_every_page(agent: httpx.AsyncClient, house: House) -> None:
    await stored(house.database, answered_call(), with_words=True)
    await stored(house.database, waiting_call(CallKey("city", "city-1.1")))
    async with house.database.unit_of_work() as uow:
        await uow.transcripts.put(KEY, "record", RECORD)
    for path in ("/", f"/calls/{KEY}", "/drafts"):
        page = await agent.get(path)
        assert "139****1234" in page.text
        assert NUMBER not in page.text
        assert SPOKEN not in page.text


async def test_a_number_is_shown_once_for_a_reason_that_is_on_record(
    agent: httpx.AsyncClient, house: House
) -> None:
    await stored(house.database, answered_call(), with_words=True)
    path = f"/calls/{KEY}"
    csrf = csrf_of(await agent.get(path))
    refused = await agent.post(f"{path}/number", data={"csrf": csrf, "reason": " "})
    assert refused.status_code == 422
    assert NUMBER not in refused.text
    shown = await agent.post(f"{path}/number", data={"csrf": csrf, "reason": "回拨市民\r\n核实地址"})
    assert NUMBER in shown.text
    assert shown.headers["cache-control"] == "no-store"
    assert NUMBER not in (await agent.get(path)).text
    fragment = await agent.post(
        f"{path}/number", data={"reason": "再次核实"}, headers={"X-CSRF-Token": csrf, "HX-Request": "true"}
    )
    assert NUMBER in fragment.text
    assert "<html" not in fragment.text
    async with house.database.unit_of_work() as uow:
        entries = await uow.audit.list(subject=str(KEY))
    assert [it.action for it in entries].count("call-viewed") == 2
    lines = [it for it in entries if it.action != "call-viewed"]
    assert [(it.actor, it.action, it.fields, it.reason) for it in lines] == [
        (LOGIN, "number-shown", ("caller_number", "callback_phone"), "再次核实"),
        (LOGIN, "number-shown", ("caller_number", "callback_phone"), "回拨市民 核实地址"),
    ]


async def test_the_board_counts_by_the_named_definition(agent: httpx.AsyncClient, house: House) -> None:
    now = datetime.now(UTC)
    answered = [answered_call(CallKey("city", f"city-1.{n}"), now, talk_s=0.5) for n in range(3)]
    missed = missed_call(CallKey("city", "city-1.8"))
    unresolved = missed_call(CallKey("city", "city-1.9"), Outcome.UNRESOLVED)
    today = [replace(call, arrived_at=now) for call in (*answered, missed, unresolved)]
    await stored(house.database, *today)
    page = (await agent.get("/")).text
    plain = "".join(page.split())
    assert '75.00<spanclass="unit">%' in plain
    assert "<code>person</code>" in plain
    for label, count in (("计入来电", 4), ("接通", 3), ("未接通", 1), ("待核实", 1)):
        assert f"<dt>{label}</dt><dd>{count}</dd>" in plain


async def test_a_call_page_shows_facts_evidence_and_that_nothing_is_confirmed(
    agent: httpx.AsyncClient, house: House
) -> None:
    await stored(house.database, answered_call(), with_words=True)
    page = (await agent.get(f"/calls/{KEY}")).text
    for text in (
        "主线",
        "一号话务员",
        "话务员接通",
        "草稿，待话务员确认",
        "可能是：市住建局、市城管局",
        "听为：昆仑路大桥头",
    ):
        assert text in page
    assert 'data-fields="title places-0"' in page
    assert 'href="#said-1-0"' in page
    assert 'id="said-1-0"' in page


async def test_text_from_a_telephone_is_never_markup(agent: httpx.AsyncClient, house: House) -> None:
    call = replace(
        talking_call(), line="<script>alert(1)</script>", did="<b>", caller_number="<i>12345678</i>"
    )
    await stored(house.database, call)
    for path in ("/", f"/calls/{KEY}"):
        page = (await agent.get(path)).text
        assert "<script>alert" not in page
        assert "<i>1" not in page


@pytest.mark.parametrize(
    "path", ["/calls/city:nothing", "/calls/nonsense", "/events/calls/city:nothing", "/nowhere"]
)
async def test_what_is_not_there_is_not_found(agent: httpx.AsyncClient, path: str) -> None:
    assert (await agent.get(path)).status_code == 404


async def test_pages_allow_no_foreign_and_no_inline_code(agent: httpx.AsyncClient, house: House) -> None:
    await stored(house.database, answered_call(), with_words=True)
    for path in ("/", f"/calls/{KEY}", "/drafts", "/login"):
        page = await agent.get(path)
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert page.headers["x-frame-options"] == "DENY"
        for inline in ("style=", "onclick=", "<style", "javascript:"):
            assert inline not in page.text
        assert "http" not in page.text.replace("http://www.w3.org", ""), "nothing is asked of another host"


async def test_static_files_are_kept_by_their_digest(agent: httpx.AsyncClient) -> None:
    page = (await agent.get("/login")).text
    address = page.split('rel="stylesheet" href="')[1].split('"')[0]
    answer = await agent.get(address)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert (await agent.get("/static/../app.py")).status_code == 404


async def test_a_foreign_name_for_this_host_is_refused(visitor: httpx.AsyncClient) -> None:
    assert (await visitor.get("/login", headers={"Host": "evil.example"})).status_code == 400
    assert (await visitor.get("/login", headers={"Host": "localhost:8012"})).status_code == 200


@pytest.mark.parametrize(
    ("bind", "host", "known"),
    [
        ("127.0.0.1", "[::1]:8012", True),
        ("127.0.0.1", "10.1.2.3", False),
        ("10.1.2.3", "10.1.2.3:8012", True),
        ("0.0.0.0", "10.1.2.3:8012", True),
        ("0.0.0.0", "evil.example", False),
        ("0.0.0.0", "", False),
    ],
)
def test_hosts_that_are_ours(house: House, bind: str, host: str, known: bool) -> None:
    assert KnownHost(house.app, bind)._known(host) is known


async def test_nul_is_in_no_address_and_no_form(visitor: httpx.AsyncClient) -> None:
    assert (await visitor.get("/tickets/%00")).status_code == 400
    assert (await visitor.get("/tickets?q=%00")).status_code == 400
    assert (await signed_in(visitor, "a\0b")).status_code == 422


async def test_bodies_have_a_length_and_a_limit(visitor: httpx.AsyncClient) -> None:
    assert (await visitor.post("/login", content=b"x" * (BODY_LIMIT + 1))).status_code == 413

    async def endless() -> object:
        yield b"x"

    assert (await visitor.post("/login", content=endless())).status_code == 411  # type: ignore[arg-type]


async def test_metrics_are_for_this_machine_only(house: House, visitor: httpx.AsyncClient) -> None:
    assert "hotline_web_streams 0.0" in (await visitor.get("/metrics")).text
    far = httpx.ASGITransport(house.app, client=("10.0.0.9", 1234))
    async with httpx.AsyncClient(transport=far, base_url="http://127.0.0.1") as stranger:
        assert (await stranger.get("/metrics")).status_code == 404
        assert (await stranger.get("/healthz")).json() == {"status": "ok"}


async def test_a_database_that_is_away_is_said_in_words(house: House) -> None:
    async with Database("postgresql://nobody@127.0.0.1:9/none") as away:
        app = create_app(house.settings, away, load_hotline())
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            assert (await client.get("/healthz")).status_code == 503
            client.cookies.set(SESSION_COOKIE, "x")
            page = await client.get("/")
            assert page.status_code == 503
            assert "数据库暂时不可用" in page.text


async def test_the_first_user_is_made_once(database: Database) -> None:
    async with database.unit_of_work() as uow:
        first = await ensure_first_user(uow)
        again = await ensure_first_user(uow)
    assert first is not None
    assert len(first[1]) >= 16
    assert again is None
