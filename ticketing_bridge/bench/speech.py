"""Recognition with the demo model: its cost beside Vosk alone, legs held, and how soon words come."""

from __future__ import annotations

from asr.demo_model import model_path
from config.settings import load_settings
from ticketing_bridge.bench.figures import Figure, Size
from ticketing_bridge.bench.speech_cost import measure_cost
from ticketing_bridge.bench.speech_live import measure_live


async def measure(size: Size) -> list[Figure]:
    """Both parts, one after the other."""
    home = load_settings().home
    home.mkdir(parents=True, exist_ok=True)
    model_mb = sum(file.stat().st_size for file in model_path().rglob("*") if file.is_file()) / 2**20
    return [
        Figure("model_mb", model_mb, "MB", "the model's files"),
        *await measure_cost(home, size),
        *await measure_live(home, size),
    ]
