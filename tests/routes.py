"""Every route of an application with all that it depends on, those of routers that were included, too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

Asked = Callable[..., Any]


def every_route(app: FastAPI) -> list[tuple[APIRoute, list[Asked]]]:
    """Each route, and what is called before it."""
    found = list(_within(app.routes, ()))
    assert found, "an application without routes proves nothing"
    return found


def _within(routes: Iterable[object], above: tuple[Asked, ...]) -> Iterator[tuple[APIRoute, list[Asked]]]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield route, [*above, *_called(route.dependant)]
        elif (inner := getattr(route, "original_router", None)) is not None:
            context = route.include_context  # type: ignore[attr-defined]
            given = tuple(it.dependency for it in (*context.dependencies, *inner.dependencies))
            yield from _within(inner.routes, (*above, *given))


def _called(dependant: Dependant) -> Iterator[Asked]:
    for inner in dependant.dependencies:
        if inner.call is not None:
            yield inner.call
        yield from _called(inner)
