"""``python -m ticketing_bridge.bench.intake_replay CALLS``: a PBX of its own that says a recorded stream.

Prints its port; then for each line of stdin, ``RATE`` (messages a second, 0: as quickly as they are taken),
sends everything once and prints what it cost: seconds, and seconds of its own processor time.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from datetime import UTC, datetime

from telephony.ami.testing import FakeAmi
from ticketing_bridge.bench.traffic import END, calls_on_the_wire

_STAMP = re.compile(rb"^Timestamp: [0-9.]+", re.MULTILINE)
#: messages go out in such steps (seconds)
STEP_S = 0.01


def _halves(calls: int, first: int) -> list[tuple[bytes, bytes]]:
    """Every message before and after its time, so that it can be sent with the time at which it is sent."""
    begin = datetime.fromtimestamp(datetime.now(UTC).timestamp() + first, UTC)
    found = []
    for block in calls_on_the_wire(calls, begin, apart_s=0.02):
        stamp = _STAMP.search(block)
        assert stamp is not None
        found.append((block[: stamp.start()] + b"Timestamp: ", block[stamp.end() :] + END))
    return found


async def _send(pbx: FakeAmi, halves: list[tuple[bytes, bytes]], rate: float) -> dict[str, float]:
    began, cpu = time.perf_counter(), time.process_time()
    place = 0
    while place < len(halves):
        due = len(halves) if rate == 0 else int((time.perf_counter() - began) * rate) + 1
        last = min(len(halves), due, place + 2000)
        now = b"%.6f" % time.time()
        await pbx.raw(b"".join(head + now + tail for head, tail in halves[place:last]))
        place = last
        if rate:
            await asyncio.sleep(STEP_S)
    return {
        "messages": len(halves),
        "took_s": time.perf_counter() - began,
        "cpu_s": time.process_time() - cpu,
    }


async def serve(calls: int) -> None:
    """Until stdin ends."""
    rounds = 0
    async with FakeAmi() as pbx:
        print(pbx.port, flush=True)  # noqa: T201 - the benchmark reads it
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            rounds += 1
            halves = _halves(calls, rounds * 100_000)
            print("ready", flush=True)  # noqa: T201
            print(json.dumps(await _send(pbx, halves, float(line))), flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
