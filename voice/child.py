"""The throw-away process of ``synthesise_many``: syllables as JSON come in, sound goes out."""

from __future__ import annotations

import json
import struct
import sys

from voice.espeak import ESPEAK_RATE, speak
from voice.pcm import silence, to_bytes
from voice.voices import Voice


def main() -> None:
    """Speak every item: its length in bytes (four, little-endian), then its samples at 22,050 Hz."""
    for tokens, variant, rate_wpm, pitch, pitch_range in json.load(sys.stdin):
        voice = Voice(variant, rate_wpm, pitch, pitch_range)
        data = to_bytes(speak(tokens, voice).samples if tokens else silence(0.1, ESPEAK_RATE))
        sys.stdout.buffer.write(struct.pack("<I", len(data)) + data)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
