"""Finding out that the other machine is gone without a word."""

from __future__ import annotations

import socket


def keep_alive(
    sock: socket.socket, *, idle_s: int = 10, every_s: int = 5, probes: int = 3, unanswered_ms: int = 0
) -> None:
    """Have the kernel ask an idle peer; one that does not answer is an error after about 25 s.

    ``unanswered_ms``: what was sent and not acknowledged for so long is an error, too, probes included.
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    values = {"TCP_KEEPIDLE": idle_s, "TCP_KEEPINTVL": every_s, "TCP_KEEPCNT": probes}
    if unanswered_ms:
        values["TCP_USER_TIMEOUT"] = unanswered_ms
    for name, value in values.items():
        option = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
