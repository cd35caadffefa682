"""The web role: the pages, on loopback unless told otherwise."""

from __future__ import annotations

import gc
import socket

import structlog

from facts.errors import HotlineError
from ticketing_bridge.desk.app import create_app, web_server
from ticketing_bridge.desk.workplace.drafting_process import DraftingProcess
from ticketing_bridge.house import House

log = structlog.get_logger(__name__)


class WebPortTaken(HotlineError):
    """The web port cannot be opened."""

    error_id = "web-port-taken"


def listening_socket(host: str, port: int) -> socket.socket:
    """A bound socket for the pages.

    Raises:
        WebPortTaken: naming the setting that moves it.
    """
    # The protocol must be named: without it asyncio does not switch Nagle's delay off, 40 ms a page.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as taken:
        listener.close()
        raise WebPortTaken(
            f"the web cannot listen on {host}:{port}: {taken.strerror}",
            fix="end what uses it, or set HOTLINE_WEB_PORT",
        ) from None
    return listener


def _settle() -> None:
    """What is there from the start is never looked through for garbage again; the rest less often.

    A look takes longer than a save, and comes in the midst of one.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


async def run_web(house: House) -> None:
    """Serve the pages until a signal (uvicorn takes SIGTERM itself) or cancellation."""
    settings = house.settings
    with listening_socket(settings.bind_host, settings.web_port) as listener:
        async with house.database() as database:
            drafter = DraftingProcess(settings.home)
            server = web_server(create_app(settings, database, house.hotline, drafter=drafter), settings)
            _settle()
            log.info("web serves", address=f"http://{settings.bind_host}:{settings.web_port}/")
            await server.serve(sockets=[listener])
