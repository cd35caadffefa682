"""Who speaks the training sentences: espeak-ng's own voice variants, and voices invented for the training.

espeak-ng's variants are few, and a network that has heard only them takes the next one for something else.
An invented voice is a variant file with random formants, pitch, breath and timbre, of the same kind as those
that espeak-ng ships; some are as strange as its strangest.
"""

from __future__ import annotations

from pathlib import Path

import espeakng_loader
import numpy as np

from voice.voices import VOICES, Voice

TRAINING_VARIANTS = (
    "", "Alex", "Alicia", "Andy", "Annie", "AnxiousAndy", "Demonic", "Diogo", "Gene", "Gene2", "Henrique",
    "Hugo", "Jacky", "Lee", "Marco", "Mario", "Michael", "Mike", "Nguyen", "Reed", "RicishayMax",
    "RicishayMax2", "RicishayMax3", "Storm", "Tweaky", "UniRobot", "adam", "anika", "anikaRobot", "announcer",
    "antonio", "aunty", "belinda", "benjamin", "boris", "caleb", "croak", "david", "ed", "edward", "edward2",
    "f1", "f2", "f3", "f5", "fast", "grandma", "grandpa", "gustave", "ian", "iven", "iven2", "iven3", "iven4",
    "john", "kaukovalta", "klatt", "klatt2", "klatt3", "klatt5", "klatt6", "m1", "m2", "m3", "m4", "m6", "m7",
    "m8", "marcelo", "max", "miguel", "mike2", "norbert", "pablo", "paul", "pedro", "quincy", "robert",
    "robosoft", "robosoft2", "robosoft3", "robosoft4", "robosoft5", "robosoft6", "robosoft7", "robosoft8",
    "sandro", "shelby", "steph", "steph2", "steph3", "victor", "whisper", "whisperf", "zac",
)  # fmt: skip
HELD_OUT_VARIANTS = ("m5", "f4", "michel", "linda", "klatt4", "Andrea", "Denis", "travis")
NAMED_VARIANTS = tuple(dict.fromkeys(voice.variant for voice in VOICES.values()))

_INVENTED_SHARE, _NAMED_SHARE = 0.45, 0.15
_LANGUAGE = "lang/sit/cmn-Latn-pinyin"
_GUEST = "guest"
_LONGEST_DATA_PATH = 150  # espeak-ng keeps the folder's name in 160 bytes


class Stage:
    """A folder of espeak-ng's data with one voice variant: whoever speaks next.

    espeak-ng reads every voice of its folder before it speaks and keeps no more than 350 of them; with one it
    starts faster, and there can be as many as there are sentences.
    """

    def __init__(self, data: Path) -> None:
        if len(str(data)) > _LONGEST_DATA_PATH:
            raise ValueError(f"{data} is too long a name for espeak-ng: set TMPDIR to a shorter one")
        self.data = data
        self.invented = False
        """Whether the last voice was invented."""
        self._shipped = Path(espeakng_loader.get_data_path())
        for name in (_LANGUAGE, "cmn_dict", "intonations", "phondata", "phonindex", "phontab"):
            (data / name).parent.mkdir(parents=True, exist_ok=True)
            (data / name).symlink_to(self._shipped / name)
        self._guest = data / "voices" / "!v" / _GUEST
        self._guest.parent.mkdir(parents=True)

    def enter(self, rng: np.random.Generator) -> Voice:
        """A training voice of any speed and pitch, to be spoken with the data of this stage."""
        kind = rng.random()
        self.invented = kind < _INVENTED_SHARE
        if self.invented:
            self._guest.write_text(invented_variant(rng), "ascii")
        else:
            listed = NAMED_VARIANTS if kind < _INVENTED_SHARE + _NAMED_SHARE else TRAINING_VARIANTS
            variant = str(rng.choice(listed))
            shipped = self._shipped / "voices" / "!v" / variant
            self._guest.write_bytes(shipped.read_bytes() if variant else b"language variant\n")
        return Voice(
            variant=_GUEST,
            rate_wpm=int(rng.integers(115, 271)),
            pitch=int(rng.integers(5, 100)),
            pitch_range=int(rng.integers(15, 100)),
        )


def invented_variant(rng: np.random.Generator) -> str:
    """A variant file: formants as per cent of frequency, height and width, and what else makes a voice."""
    low = rng.uniform(55, 210)
    lines = ["language variant", f"name {_GUEST}", f"pitch {low:.0f} {low * rng.uniform(1.15, 1.8):.0f}"]
    strange = rng.uniform(0.04, 0.25)
    throat = rng.uniform(88, 122)
    for formant in range(9):
        hertz = throat * np.clip(rng.normal(1, strange if formant < 4 else 1.5 * strange), 0.45, 1.5)
        height = 100 * np.exp(rng.normal(0, 2 * strange))
        width = 100 * np.exp(rng.normal(0.05, 2 * strange))
        lines.append(f"formant {formant} {hertz:.0f} {min(height, 220):.0f} {min(width, 220):.0f}")
    choices = (
        (0.5, f"roughness {rng.integers(0, 6)}"),
        (0.5, f"flutter {rng.integers(0, 12)}"),
        (0.5, f"voicing {rng.integers(30, 220)}"),
        (0.5, f"consonants {rng.integers(50, 150)} {rng.integers(50, 150)}"),
        (0.4, f"echo {rng.integers(0, 150)} {rng.integers(0, 40)}"),
        (0.3, "tone " + " ".join(f"{hertz} {rng.integers(30, 256)}" for hertz in (300, 700, 1500, 2600))),
        (0.2, "breath " + " ".join(str(rng.integers(0, 6)) for _ in range(8))),
        (0.15, f"klatt {rng.integers(1, 7)}"),
        (0.2, f"intonation {rng.integers(1, 5)}"),
        (0.15, "stressLength 0 1 2 3 4 5 6 7"),  # as in six of espeak-ng's own: very fast speech
    )
    lines += [line for share, line in choices if rng.random() < share]
    return "\n".join(lines) + "\n"
