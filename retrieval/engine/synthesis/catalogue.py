"""The eight ambiences and how each is made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.synthesis.animals import birds, night_insects
from retrieval.engine.synthesis.fire import campfire
from retrieval.engine.synthesis.loop import Composer
from retrieval.engine.synthesis.mastering import mastered
from retrieval.engine.synthesis.water import rain, sea, stream
from retrieval.engine.synthesis.weather import thunderstorm, wind


@dataclass(frozen=True)
class Ambience:
    """One recording that can be synthesised; the same seed gives the same samples."""

    name: str  # valid as a file name
    title: str  # shown to visitors
    tags: tuple[str, ...]
    compose: Composer
    seed: int


AMBIENCES = (
    Ambience("sea", "Waves on a beach", ("sea", "waves", "surf"), sea, seed=101),
    Ambience("stream", "Brook over stones", ("stream", "water", "bubbling"), stream, seed=102),
    Ambience("rain", "Rain in a garden", ("rain", "drops"), rain, seed=103),
    Ambience(
        "thunderstorm",
        "Thunderstorm in the mountains",
        ("thunder", "storm", "rain"),
        thunderstorm,
        seed=104,
    ),
    Ambience("wind", "Gusts over open land", ("wind", "gusts", "whistling"), wind, seed=105),
    Ambience("birds", "Birds in a wood", ("birds", "birdsong", "cuckoo"), birds, seed=106),
    Ambience(
        "night-insects",
        "Crickets on a summer night",
        ("insects", "crickets", "night"),
        night_insects,
        seed=107,
    ),
    Ambience("campfire", "Campfire", ("fire", "crackling"), campfire, seed=108),
)


def synthesise(ambience: Ambience) -> NDArray[np.float32]:
    """Synthesise an ambience.

    Returns
    -------
    float32 array [shape=(FRAMES, 2)]
        24 s at 44 100 Hz, left and right, within -3 dBFS, at -22 LUFS; it loops without a
        seam. The same samples on every call.
    """
    return mastered(ambience.compose(np.random.default_rng(ambience.seed)))
