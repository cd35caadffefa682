"""The city's data on the page: what is in force, a file to correct or upload, what it changes, versions."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final

import yaml
from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request, UploadFile
from starlette.responses import RedirectResponse, Response

from config.city_files import FILES, WORDS, Problem, decoded
from ticketing_bridge.catalogue.keeper import put_newest_in_place
from ticketing_bridge.catalogue.versions import (
    CatalogueChanged,
    CatalogueRefused,
    VersionUnknown,
    built_in,
    changes,
    in_force,
    propose,
    publish,
    restore,
)
from ticketing_bridge.desk.desk import Desk
from ticketing_bridge.desk.pages import render_page
from ticketing_bridge.desk.visitor import SignedIn, own_form

#: what is shown of a long change
MOST_LINES: Final = 400
LABELS = Path(__file__).parent / "catalogue_labels.yaml"

router = APIRouter()


@cache
def _labels() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(LABELS.read_text(encoding="utf-8"))
    assert set(content["files"]) == set(FILES), "every file has its name"
    assert set(content["wrong"]) == set(WORDS), "whatever can be wrong has its words"
    return content


@router.get("/catalogue")
async def catalogue_page(request: Request) -> Response:
    """Files in force and all versions."""
    desk: Desk = request.app.state.desk
    async with desk.database.unit_of_work() as uow:
        number, files = await in_force(uow)
        found = await uow.catalogue.list(50)
    rows = [
        {
            "file": name,
            "lines": _entries(name, files[name]) if name in files else 0,
            **_labels()["files"][name],
        }
        for name in FILES
    ]
    return render_page(
        request,
        "catalogue.html",
        place="catalogue",
        now=desk.now(),
        files=rows,
        number=number,
        versions=found,
    )


def _entries(name: str, text: str) -> int:
    """How many there are in a file, as people count them."""
    if name.endswith(".csv"):
        return max(0, sum(bool(line.strip()) for line in text.splitlines()) - 1)
    return sum(line.startswith("- ") for line in text.splitlines())


def _known(name: str) -> str:
    if name not in FILES:
        raise HTTPException(404)
    return name


@router.get("/catalogue/files/{name}")
async def file_page(request: Request, name: str) -> Response:
    """One file, to be corrected."""
    desk: Desk = request.app.state.desk
    async with desk.database.unit_of_work() as uow:
        number, files = await in_force(uow)
    return _file_page(request, _known(name), files.get(name, ""), number)


def _in_words(it: Problem) -> str:
    line = _labels()["line"].format(line=it.line) if it.line else ""
    words: str = _labels()["wrong"][it.kind].format(name=it.name, other=it.other)
    return f"{_labels()['files'].get(it.file, {'name': it.file})['name']} {line}{words}"


def _file_page(
    request: Request, name: str, text: str, base: int | None, *, status: int = 200, **more: Any
) -> Response:
    context = {"problem": None, "change": None, "note": "", **more}
    context["problems"] = [_in_words(it) for it in more.get("problems", ())]
    label = _labels()["files"][name]
    return render_page(
        request,
        "catalogue_file.html",
        status=status,
        place="catalogue",
        file=name,
        label=label,
        text=text,
        base="" if base is None else base,
        **context,
    )


@router.post("/catalogue/files/{name}", dependencies=[Depends(own_form)])
async def change_file(
    request: Request,
    visitor: SignedIn,
    name: str,
    text: Annotated[str, Form()] = "",
    base: Annotated[str, Form(max_length=20, pattern=r"^\d*$")] = "",
    note: Annotated[str, Form(max_length=200)] = "",
    do: Annotated[str, Form(max_length=10)] = "check",
    upload: UploadFile | None = None,
) -> Response:
    """Check a changed file and show what changes; or put it in force."""
    desk: Desk = request.app.state.desk
    words, seen = _labels()["problems"], int(base) if base else None
    _known(name)
    if upload is not None and upload.filename:
        read = decoded(await upload.read())
        if read is None:
            return _file_page(request, name, text, seen, status=422, problem=words["encoding"], note=note)
        text, do = read, "check"
    async with desk.database.unit_of_work() as uow:
        files, problems, changed = await propose(uow, {name: text})
    shown: dict[str, Any] = {"note": note, "change": next((it for it in changed if it.file == name), None)}
    if problems:
        return _file_page(request, name, text, seen, status=422, problems=problems, **shown)
    if not changed:
        shown["problem"] = words["nothing"]
    if not changed or do != "publish":
        return _file_page(request, name, files[name], seen, **shown)
    if not note.strip():
        return _file_page(request, name, files[name], seen, status=422, problem=words["note"], **shown)
    return await _published(request, visitor.name, name, files[name], seen, shown)


async def _published(
    request: Request, by: str, name: str, text: str, seen: int | None, shown: dict[str, Any]
) -> Response:
    desk: Desk = request.app.state.desk
    try:
        async with desk.database.unit_of_work() as uow:
            await publish(uow, {name: text}, by, str(shown["note"]).strip(), base=seen)
    except CatalogueChanged:
        problem = _labels()["problems"]["changed"]
        return _file_page(request, name, text, seen, status=409, problem=problem, **shown)
    except CatalogueRefused as refused:
        return _file_page(request, name, text, seen, status=422, problems=refused.problems, **shown)
    await put_newest_in_place(desk.database, desk.catalogue)
    return RedirectResponse("/catalogue", 303)


@router.get("/catalogue/versions/{version}")
async def version_page(
    request: Request, version: int, against: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None
) -> Response:
    """What a version changed: against the one before it, or another one."""
    desk: Desk = request.app.state.desk
    async with desk.database.unit_of_work() as uow:
        found = await uow.catalogue.get(version) if 0 < version < 2**63 else None
        if found is None:
            raise HTTPException(404)
        before = await uow.catalogue.before(version) if against is None else await uow.catalogue.get(against)
        number = (await uow.catalogue.list(1))[0].id
    from_ = before.files if before else built_in()
    return render_page(
        request,
        "catalogue_version.html",
        place="catalogue",
        version=found,
        before=before,
        current=number == version,
        changes=[
            {"name": _labels()["files"][it.file]["name"], "change": it, "lines": it.lines[:MOST_LINES]}
            for it in changes(from_, found.files)
        ],
    )


@router.post("/catalogue/versions/{version}/restore", dependencies=[Depends(own_form)])
async def go_back(request: Request, visitor: SignedIn, version: int) -> Response:
    """Put an earlier version in force again."""
    desk: Desk = request.app.state.desk
    try:
        async with desk.database.unit_of_work() as uow:
            await restore(uow, version, visitor.name)
    except (VersionUnknown, CatalogueRefused):
        raise HTTPException(404) from None
    await put_newest_in_place(desk.database, desk.catalogue)
    return RedirectResponse("/catalogue", 303)
