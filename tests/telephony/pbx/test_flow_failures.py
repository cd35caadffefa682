"""Whatever the flow's server does or does not do, the caller reaches a queue of ours."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.pbx import RunningPbx
from tests.sip_phone import SipPhone

pytestmark = pytest.mark.pbx

Behaviour = Callable[[socket.socket], None]


def read_handshake(caller: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\n\n"):
        more = caller.recv(4096)
        assert more, f"Asterisk closed after {data!r}"
        data += more
    return data


def dies_at_once(caller: socket.socket) -> None:
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def dies_after_a_command(caller: socket.socket) -> None:
    read_handshake(caller)
    caller.sendall(b"EXEC Wait 0.3\n")
    caller.recv(100)


def talks_nonsense(caller: socket.socket) -> None:
    read_handshake(caller)
    caller.sendall(b"\xff\xfe GET / HTTP/1.1\n\n" * 3)
    caller.recv(100)


def chooses(queue: str) -> Behaviour:
    def behave(caller: socket.socket) -> None:
        assert b"agi_arg_1: main" in read_handshake(caller)
        caller.sendall(f'SET VARIABLE HOTLINE_QUEUE "{queue}"\n'.encode())
        assert caller.recv(100).startswith(b"200 result=1")

    return behave


@pytest.fixture
def served(endings_pbx: RunningPbx) -> Iterator[Callable[[Behaviour], threading.Thread]]:
    """Serve one FastAGI connection with a behaviour."""
    with socket.create_server(("127.0.0.1", endings_pbx.settings.agi_port)) as server:
        server.settimeout(10)
        threads: list[threading.Thread] = []

        def serve(behaviour: Behaviour) -> threading.Thread:
            def work() -> None:
                with contextlib.suppress(OSError), server.accept()[0] as connection:
                    connection.settimeout(5)
                    behaviour(connection)

            threads.append(threading.Thread(target=work, daemon=True))
            threads[-1].start()
            return threads[-1]

        yield serve
        for thread in threads:
            thread.join(5)


@pytest.mark.parametrize(
    ("behaviour", "queue", "status"),
    [
        (dies_at_once, "main", "failed"),
        (dies_after_a_command, "main", "failed"),
        (talks_nonsense, "main", "failed"),
        (chooses("short"), "short", "left"),
        (chooses("no-such-queue"), "main", "left"),
        (chooses('\\"]?hotline-from-agents,101,1:${SHELL(id)}'), "main", "left"),
        (chooses(""), "main", "failed"),
    ],
    ids=[
        "dies at once",
        "dies after a command",
        "nonsense",
        "another queue",
        "no queue",
        "injection",
        "empty",
    ],
)
def test_the_caller_reaches_a_queue(
    endings_pbx: RunningPbx,
    served: Callable[[Behaviour], threading.Thread],
    behaviour: Behaviour,
    queue: str,
    status: str,
) -> None:
    served(behaviour)
    with endings_pbx.reader() as ami, SipPhone("13997360020", endings_pbx.settings.sip_port) as caller:
        assert caller.call("12345") == 200
        queued = ami.wait_event("HotlineQueue")
        assert queued["Queue"] == queue
        ami.wait_event("QueueCallerJoin", Queue=queue)
        assert [it["Status"] for it in ami.events("HotlineFlow")] == ["entered", status]
        caller.hang_up()
        assert ami.wait_event("HotlineEnded")["Queue"] == queue


def test_a_caller_who_hangs_up_in_the_flow_ends_there(
    endings_pbx: RunningPbx, served: Callable[[Behaviour], threading.Thread]
) -> None:
    def waits(connection: socket.socket) -> None:
        read_handshake(connection)
        connection.sendall(b"EXEC Wait 20\n")
        while connection.recv(100):
            pass

    serving = served(waits)
    with endings_pbx.reader() as ami, SipPhone("13997360021", endings_pbx.settings.sip_port) as caller:
        assert caller.call("12345") == 200
        ami.wait_event("HotlineFlow")
        caller.hang_up()
        ended = ami.wait_event("HotlineEnded")
        assert (ended["Stage"], ended["QueueStatus"], ended["Notice"]) == ("flow", "", "played")
        serving.join(5)
        assert not ami.events("HotlineQueue")
