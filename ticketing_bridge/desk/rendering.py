"""Templates and static files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from ticketing_bridge.desk.labels import labels
from ticketing_bridge.desk.views import clock, day_clock, duration, until

HERE = Path(__file__).parent
STATIC = HERE / "static"


@cache
def asset(name: str) -> str:
    """The address of a static file, with its content's digest: it may be kept for ever."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


class Assets(StaticFiles):
    """Our static files; kept for ever when asked for by digest."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        kept = scope.get("query_string", b"").startswith(b"v=") and response.status_code == 200
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if kept else "no-cache"
        return response


class Templates:
    """Renders pages and fragments. An unknown name in a template is an error, never an empty place."""

    def __init__(self, hotline_name: str) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            # a look at the file for every fragment of every stream
            auto_reload=False,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals |= {
            "hotline_name": hotline_name,
            "asset": asset,
            "problem_text": labels().problems,
            # fragments of a stream leave ticking times to the page, so that they change only with the facts
            "streaming": False,
        }
        self._environment.filters |= {
            "duration": duration,
            "clock": clock,
            "day_clock": day_clock,
            "until": until,
        }

    def render(self, name: str, context: Mapping[str, Any]) -> str:
        """One page or fragment."""
        return self._environment.get_template(name).render(context)
