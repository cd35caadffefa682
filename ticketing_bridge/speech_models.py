"""Which speech model hears what, as the settings say; full-band models as our copies for the telephone."""

from __future__ import annotations

from pathlib import Path

from asr.installed import NARROWBAND
from asr.models import default_model
from asr.wideband import for_telephone
from config.settings import Settings


def live_model(settings: Settings) -> Path:
    """The model that hears calls while they are on; raises ``ModelInvalid``."""
    return for_telephone(settings.model or default_model(), settings.models / NARROWBAND)


def recording_model(settings: Settings) -> Path:
    """The model that hears recordings; raises ``ModelInvalid``."""
    if settings.second_pass_model is None:
        return live_model(settings)
    return for_telephone(settings.second_pass_model, settings.models / NARROWBAND)
