"""Records what a real PBX says of a call: ``python -m tests.telephony.call_fold.record [SHAPE…]``.

A shape (``tests.telephony.call_fold.shapes``) is played with telephones over SIP; its evidence is what
the PBX said meanwhile on its manager interface (.ami), in its CEL (.cel) and in its queue_log.
"""

from __future__ import annotations

import re
import socket
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from config.hotline import load_hotline
from config.settings import load_settings
from telephony.ami.events import MemberPause, MemberStatus, parse_event
from telephony.pbx.install import ensure_asterisk
from telephony.pbx.program import AsteriskProgram
from tests.pbx import RunningPbx, pbx_up
from tests.pbx_people import Flows, Telephones
from tests.telephony.call_fold.shapes import SHAPES, Stage
from tests.telephony.call_fold.shapes.clock import seconds_to_midnight, shifted
from ticketing_bridge.bench.ports import free_port

FOLDER = Path(__file__).parent / "evidence"
HOTLINE = Path(__file__).parent / "hotline"
_SETTLED_S = 1.0


class Looked(Mapping[str, str]):
    """Headers that remember which of them were looked at."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers
        self.at: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.at.add(name)
        return self._headers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._headers)

    def __len__(self) -> int:
        return len(self._headers)


def as_read(message: Mapping[str, str]) -> str | None:
    """A message as evidence keeps it, None when nothing reads it."""
    looked = Looked(message)
    event = parse_event(looked, "city")
    if event is None or isinstance(event, MemberStatus | MemberPause):
        return None
    return "".join(f"{name}: {value}\n" for name, value in message.items() if name in looked.at)


def record(pbx: RunningPbx, flows: Flows, name: str) -> None:
    """Play one shape and keep its evidence."""
    paths = pbx.pbx.paths
    sizes = {path: path.stat().st_size if path.exists() else 0 for path in (paths.cel, paths.queue_log)}
    with pbx.reader() as ami:
        flows.leads.clear()
        SHAPES[name](Stage(pbx, ami, Telephones(pbx), flows))
        quiet = time.monotonic() + _SETTLED_S
        while time.monotonic() < quiet:
            ami.read(quiet - time.monotonic())
        kept = [text for message in ami.messages if (text := as_read(message))]
    folder = FOLDER / "outages" if name in OUTAGES else FOLDER
    (folder / f"{name}.ami").write_text("\n".join(kept), encoding="utf-8")
    for path, suffix in ((paths.cel, "cel"), (paths.queue_log, "queue_log")):
        with path.open("rb") as file:
            file.seek(sizes[path])
            text = file.read().decode()
        (folder / f"{name}.{suffix}").write_text(re.sub(re.escape(str(paths.root)), "/pbx", text))


#: what they give depends on whether the gap is filled
OUTAGES = frozenset({"pbx_killed"})
#: played on a PBX whose clock is so many seconds before the city's midnight at the beginning
NEAR_MIDNIGHT = {"across_midnight": 20}


def record_all(program: AsteriskProgram, names: Iterable[str]) -> None:
    """Play these on one PBX."""
    with (
        pbx_up(program, load_hotline(HOTLINE), outside_sip_port=free_port(socket.SOCK_DGRAM)) as pbx,
        Flows(pbx.settings.agi_port) as flows,
    ):
        for name in names:
            began = time.monotonic()
            try:
                record(pbx, flows, name)
            except AssertionError as wrong:
                print(f"{name}: {wrong}")
                continue
            print(f"{name}: {time.monotonic() - began:.1f} s", flush=True)


def main() -> None:
    wanted = sys.argv[1:] or [*SHAPES]
    program = ensure_asterisk(load_settings())
    if today := [name for name in wanted if name not in NEAR_MIDNIGHT]:
        record_all(program, today)
    for name in NEAR_MIDNIGHT.keys() & set(wanted):
        with shifted(program, seconds_to_midnight(NEAR_MIDNIGHT[name])) as other:
            record_all(other, [name])


if __name__ == "__main__":
    main()
