"""Connectors and secrets are in force as soon as their files are right; a wrong file changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from config.connector_secrets import keep_connector_secret
from config.delivery import DeliveryConfig, DeliveryConfigInvalid
from config.delivery_files import DeliveryFiles
from config.hotline import load_hotline
from config.secrets import load_or_make_secrets
from config.settings import load_settings
from ticketing_bridge.house import House
from ticketing_bridge.roles import worker


def written(folder: Path, *ids: str) -> None:
    connectors = [
        {"id": it, "kind": "webhook", "url": "https://gw.city.example", "lookup": "https://gw.city.example",
         "secret": "city_webhook"}
        for it in ids
    ]  # fmt: skip
    (folder / "delivery.yaml").write_text(yaml.safe_dump({"connectors": connectors}), encoding="utf-8")


def test_a_changed_file_is_in_force_and_a_wrong_one_is_not(tmp_path: Path) -> None:
    files = DeliveryFiles(tmp_path, tmp_path)
    assert not files.changed()
    written(tmp_path, "city")
    assert files.changed()
    assert [it.id for it in files.config.connectors] == ["city"]
    keep_connector_secret(tmp_path, "city_webhook", "a-long-secret")
    assert files.changed()
    assert files.secrets == {"city_webhook": "a-long-secret"}

    (tmp_path / "delivery.yaml").write_text("connectors:\n- id: [", encoding="utf-8")
    assert not files.changed()
    assert [it.id for it in files.current().connectors] == ["city"]
    assert files.problem
    assert "delivery.yaml" in str(files.problem)
    (tmp_path / "connector-secrets.json").chmod(0o644)
    written(tmp_path, "city", "other")
    assert not files.changed()
    assert "chmod 600" in str(files.problem)
    (tmp_path / "connector-secrets.json").chmod(0o600)
    written(tmp_path, "city", "other", "third")
    assert files.changed()
    assert files.problem is None
    (tmp_path / "delivery.yaml").unlink()
    assert files.changed()
    assert not files.config.connectors


def test_at_the_start_there_is_nothing_to_fall_back_on(tmp_path: Path) -> None:
    (tmp_path / "delivery.yaml").write_text("connectors: 1", encoding="utf-8")
    with pytest.raises(DeliveryConfigInvalid):
        DeliveryFiles(tmp_path, tmp_path)


async def test_the_worker_begins_anew_by_other_connectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, "city")
    begun: asyncio.Queue[list[str]] = asyncio.Queue()

    async def serve(_: House, config: DeliveryConfig, secrets: Mapping[str, str]) -> None:
        begun.put_nowait([*(it.id for it in config.connectors), *secrets.values()])
        await asyncio.sleep(60)

    monkeypatch.setattr(worker, "_serve", serve)
    monkeypatch.setattr(worker, "LOOK_S", 0.01)
    settings = load_settings(home=tmp_path, hotline_config=tmp_path)
    role = asyncio.create_task(
        worker.run_worker_role(House(settings, load_hotline(), load_or_make_secrets(tmp_path)))
    )
    async with asyncio.timeout(30):
        assert await begun.get() == ["city"]
        (tmp_path / "delivery.yaml").write_text("connectors: {", encoding="utf-8")
        keep_connector_secret(tmp_path, "city_webhook", "a-long-secret")
        await asyncio.sleep(0.05)
        assert begun.empty()
        written(tmp_path, "city", "other")
        assert await begun.get() == ["city", "other", "a-long-secret"]
    role.cancel()
    with suppress(asyncio.CancelledError):
        await role
