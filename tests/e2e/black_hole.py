"""A connection of which nothing arrives any more, neither data nor acknowledgements: not even its end."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from pathlib import Path

#: Linux, the same number on every architecture; needs 5.6
_PIDFD_GETFD = 438
_SO_ATTACH_FILTER = 26
#: a classic BPF program of one instruction: let nothing through
_DROP_ALL = struct.pack("HBBI", 0x06, 0, 0, 0)
_ESTABLISHED = "01"


def may_swallow() -> bool:
    """Whether this user may: kernels differ in what they let an ordinary one do to a socket."""
    with socket.socket() as probe:
        try:
            _attach(probe)
        except PermissionError:
            return False
    return True


def swallow(pid: int, port: int) -> int:
    """Whatever comes to this process on connections with this port is lost; returns their number."""
    inodes = _connections(port)
    found = 0
    process = os.pidfd_open(pid)
    try:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            if os.readlink(entry) in inodes:
                _drop_all(process, int(entry.name))
                found += 1
    finally:
        os.close(process)
    return found


def _connections(port: int) -> set[str]:
    """Established connections to this port, both their ends, as /proc names them."""
    found = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        ports = [int(end.partition(":")[2], 16) for end in words[1:3]]
        if port in ports and words[3] == _ESTABLISHED:
            found.add(f"socket:[{words[9]}]")
    return found


def _drop_all(process: int, number: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    copy = libc.syscall(_PIDFD_GETFD, process, number, 0)
    if copy < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
    with socket.socket(fileno=copy) as connection:
        _attach(connection)


def _attach(connection: socket.socket) -> None:
    program = ctypes.create_string_buffer(_DROP_ALL)
    pointer = ctypes.addressof(program)
    connection.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HxxxxxxQ", 1, pointer))
