"""The demo speech model: a small Vosk model that hears the synthetic voices of ``voice`` and nobody else.

It serves the demo, the tests and development. A city puts a large public model in its place. ``CARD.md`` in
the model's directory says what it was made of and how well it hears; ``builder.build`` makes it again.
"""

from __future__ import annotations

from pathlib import Path


def model_path() -> Path:
    """The directory of the model that is shipped with the package, for ``vosk.Model``."""
    return Path(__file__).resolve().parent / "model"
