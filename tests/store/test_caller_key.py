"""Callers are counted without a number that could be guessed, and stay the same ones through the upgrade."""

from __future__ import annotations

import psycopg

from ticketing_bridge.store import EmbeddedPostgres, upgrade

ROW = (
    "INSERT INTO rate_call"
    " (call, arrived_at, line, queue, outcome, short, placed, excluded, caller, talk_ms, agents)"
    " VALUES (%s, now(), 'main', 'main', 'timeout', false, true, false, {caller}, 0, '{{}}')"
)


def test_callers_are_keyed_and_repeats_stay_countable(database_server: EmbeddedPostgres) -> None:
    name = "test_caller_key"
    with psycopg.connect(database_server.url_of("postgres"), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            _upgraded(database_server.url_of(name))
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _upgraded(url: str) -> None:
    upgrade(url, "0020")
    old = ROW.format(caller="hashtextextended(%s, 0)")
    with psycopg.connect(url, autocommit=True) as rows:
        for call, number in (("a", "13909790001"), ("b", "13909790001"), ("c", "13909790002")):
            rows.execute(old, (call, number))
        rows.execute(ROW.format(caller="NULL"), ("withheld",))
        plain = {it[0] for it in rows.execute("SELECT caller FROM rate_call WHERE caller IS NOT NULL")}
        upgrade(url)
        rows.execute(ROW.format(caller="keyed_caller(%s)"), ("later", "13909790001"))
        found = dict(rows.execute("SELECT call, caller FROM rate_call").fetchall())
    assert found["a"] == found["b"] == found["later"] != found["c"]
    assert found["withheld"] is None
    assert not plain & {*found.values()}
