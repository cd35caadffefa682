"""The city's data is corrected on the page: checked, compared, published, gone back to; at once in force."""

from __future__ import annotations

from typing import Any

import httpx
import pytest_asyncio

from tests.desk.people import PASSWORD, House, csrf_of, signed_in
from ticketing_bridge.desk import auth

FILE = "/catalogue/files/units.csv"
NEW = "市盐湖管理局,盐湖局,盐湖资源保护和开发监管,盐湖;采卤\n"


@pytest_asyncio.fixture
async def ops(house: House, visitor: httpx.AsyncClient) -> httpx.AsyncClient:
    async with house.database.unit_of_work() as uow:
        await uow.users.add("zhao", auth.hash_password(PASSWORD), "ops")
    await signed_in(visitor, "zhao")
    return visitor


def form_of(page: httpx.Response) -> dict[str, Any]:
    text = page.text.split("<textarea", 1)[1].split(">", 1)[1].split("</textarea>")[0]
    base = page.text.split('name="base" value="')[1].split('"')[0]
    return {"csrf": csrf_of(page), "base": base, "text": text}


async def post(
    client: httpx.AsyncClient, form: dict[str, Any], upload: bytes | None = None
) -> httpx.Response:
    """As a browser sends a form with a place for a file."""
    file = ("units.csv", upload) if upload is not None else ("", b"")
    return await client.post(FILE, data=form, files={"upload": file})


async def test_a_unit_is_added_and_in_force_at_once(house: House, ops: httpx.AsyncClient) -> None:
    form = form_of(await ops.get(FILE))
    before = len((await house.app.state.desk.city()).units)
    wrong = await post(ops, form | {"text": form["text"] + "市盐湖管理局,,\n市公安局,,,\n"})
    assert wrong.status_code == 422
    assert "承办单位 第 42 行：市公安局重复了，第一次在第 3 行" in wrong.text
    assert "这一行有 3 格，表头有 4 格" in wrong.text
    shown = await post(ops, form, (form["text"] + NEW).encode("gb18030"))
    assert (shown.status_code, "新增 1 行" in shown.text, "盐湖局" in shown.text) == (200, True, True)
    good = form_of(shown) | {"do": "publish"}
    assert "请写一句" in (await post(ops, good)).text
    assert (await post(ops, good | {"note": "新增盐湖局"})).status_code == 303
    assert len((await house.app.state.desk.city()).units) == before + 1
    assert "新增盐湖局" in (await ops.get("/catalogue")).text
    late = await post(ops, good | {"note": "又一次", "text": form["text"]})
    assert (late.status_code, "别人刚刚发布" in late.text) == (409, True)
    async with house.database.unit_of_work() as uow:
        (version,) = await uow.catalogue.list()
    page = await ops.get(f"/catalogue/versions/{version.id}")
    assert "盐湖局" in page.text
    again = form_of(await ops.get(FILE))
    assert (
        await post(ops, again | {"text": form["text"], "note": "撤回", "do": "publish"})
    ).status_code == 303
    assert len((await house.app.state.desk.city()).units) == before
    back = await ops.post(f"/catalogue/versions/{version.id}/restore", data={"csrf": again["csrf"]})
    assert back.status_code == 303
    assert len((await house.app.state.desk.city()).units) == before + 1
    binary = await post(ops, again, b"\xff\xfe\x00\x00")
    assert "既不是 UTF-8" in binary.text
