"""Servers of other systems, each on a free port of loopback, in one thread with a loop of its own."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType
from typing import Self

import uvicorn
from starlette.types import ASGIApp

from ticketing_bridge.bench.outside.faults import Faulty, Plan


class Outside:
    """``with Outside() as outside: url = outside.serve(app)``."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="outside")
        self._servers: list[uvicorn.Server] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def serve(self, app: ASGIApp, plan: Plan | None = None) -> str:
        """Serve an application, as bad as planned; its address."""
        config = uvicorn.Config(
            Faulty(app, plan) if plan else app,
            host="127.0.0.1",
            port=0,
            log_level="critical",
            lifespan="off",
            timeout_graceful_shutdown=0,
        )
        server = uvicorn.Server(config)

        async def start() -> None:
            config.load()
            server.lifespan = config.lifespan_class(config)
            await server.startup()

        asyncio.run_coroutine_threadsafe(start(), self._loop).result(10)
        self._servers.append(server)
        return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        async def end() -> None:
            for server in self._servers:
                server.force_exit = True
            await asyncio.gather(*(server.shutdown() for server in self._servers))

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
