"""Vosk alone, as its own examples use it: what our paths are measured against.

``python -m ticketing_bridge.bench.bare_vosk MODEL`` answers orders, a line of JSON each, on stdin:
``{"hear": FILE, "partials": true}`` hears raw samples as fast as it goes; ``{"hold": FILE, "streams": N,
"seconds": S}`` hears N streams in real time. Nothing of ``asr`` is in it.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

RATE_HZ = 8000
#: the pieces in which our own paths hear: a bare loop has it no better and no worse
PIECE_S = 0.3
PIECE_BYTES = 2 * int(PIECE_S * RATE_HZ)


def hear(model: Any, sound: bytes, *, partials: bool) -> dict[str, Any]:
    """One recogniser, everything at once."""
    recogniser = _recogniser(model)
    began = time.thread_time()
    words = 0
    for first in range(0, len(sound), PIECE_BYTES):
        if recogniser.AcceptWaveform(sound[first : first + PIECE_BYTES]):
            words += len(json.loads(recogniser.Result())["text"].split())
        elif partials:
            json.loads(recogniser.PartialResult())
    words += len(json.loads(recogniser.FinalResult())["text"].split())
    return {"cpu_s": time.thread_time() - began, "words": words}


def hold(model: Any, sound: bytes, streams: int, seconds: float) -> dict[str, Any]:
    """So many streams in real time, a thread a processor, each with its share of them.

    Answers with what was shown of each: seconds of the monotonic clock, whether it is final, text, words.
    """
    lanes = min(streams, os.cpu_count() or 1)
    began, before_s = time.monotonic(), time.process_time()
    played: list[dict[str, Any]] = []
    threads = [
        threading.Thread(
            target=_lane, args=(model, sound, range(lane, streams, lanes), began, seconds, played)
        )
        for lane in range(lanes)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"streams": played, "cpu_s": time.process_time() - before_s, "rss_mb": _rss_mb()}


def _lane(
    model: Any, sound: bytes, streams: range, began: float, seconds: float, played: list[dict[str, Any]]
) -> None:
    """Pieces of these streams in the order in which they are due; streams begin one after the other."""
    legs: list[tuple[Any, float, int, list[Any]]] = []
    for index, number in enumerate(streams):
        shown: list[Any] = []
        later_s = PIECE_S * index / len(streams)
        legs.append((_recogniser(model), later_s, number, shown))
        played.append({"began": began + later_s, "texts": shown})
    pieces = len(sound) // PIECE_BYTES
    for turn in range(int(seconds / PIECE_S)):
        for recogniser, later_s, number, shown in legs:
            due = began + later_s + (turn + 1) * PIECE_S
            time.sleep(max(0.0, due - time.monotonic()))
            first = (number * 37 + turn) % pieces * PIECE_BYTES
            final = bool(recogniser.AcceptWaveform(sound[first : first + PIECE_BYTES]))
            text = json.loads(recogniser.Result() if final else recogniser.PartialResult())
            shown.append((time.monotonic(), final, text))


def _recogniser(model: Any) -> Any:
    import vosk  # noqa: PLC0415 - this process only

    recogniser = vosk.KaldiRecognizer(model, RATE_HZ)
    recogniser.SetWords(True)
    return recogniser


def _rss_mb() -> float:
    return (
        int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        * os.sysconf("SC_PAGESIZE")
        / 2**20
    )


def main(model_path: str) -> None:
    """Answer orders until stdin ends."""
    import vosk  # noqa: PLC0415 - this process only

    vosk.SetLogLevel(-1)
    os.nice(5)  # as our recognisers are
    model = vosk.Model(model_path=model_path)
    empty_mb = _rss_mb()
    for line in sys.stdin:
        order = json.loads(line)
        sound = Path(order.get("hear") or order["hold"]).read_bytes()
        if "hear" in order:
            answer = hear(model, sound, partials=order["partials"])
        else:
            answer = hold(model, sound, order["streams"], order["seconds"])
        print(json.dumps({**answer, "empty_mb": empty_mb}), flush=True)  # noqa: T201 - this is its answer


if __name__ == "__main__":
    main(sys.argv[1])
