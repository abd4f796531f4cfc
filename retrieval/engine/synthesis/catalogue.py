"""The eight ambiences and how each is made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.errors import EngineError
from retrieval.engine.synthesis.animals import birds, night_insects
from retrieval.engine.synthesis.fire import campfire
from retrieval.engine.synthesis.loop import Composer
from retrieval.engine.synthesis.mastering import mastered
from retrieval.engine.synthesis.water import rain, sea, stream
from retrieval.engine.synthesis.weather import thunderstorm, wind


@dataclass(frozen=True)
class Ambience:
    """One recording that can be synthesised.

    Attributes
    ----------
    name : str
        Its key, valid as a file name.
    title : str
        Shown to visitors.
    tags : tuple of str
        The sounds in it.
    compose : Composer
        Makes the track.
    seed : int
        Of the random generator: the same seed gives the same samples.
    """

    name: str
    title: str
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


def synthesise(name: str) -> NDArray[np.float32]:
    """Synthesise an ambience.

    Parameters
    ----------
    name : str
        One of the names in `AMBIENCES`.

    Returns
    -------
    float32 array [shape=(FRAMES, 2)]
        24 s at 44 100 Hz, left and right, within -3 dBFS, at -22 LUFS; it loops without a
        seam. The same samples on every call.

    Raises
    ------
    EngineError
        If there is no such ambience (code ``unknown_ambience``).
    """
    for ambience in AMBIENCES:
        if ambience.name == name:
            return mastered(ambience.compose(np.random.default_rng(ambience.seed)))
    known = ", ".join(ambience.name for ambience in AMBIENCES)
    raise EngineError(f"no ambience {name!r}; there are {known}", code="unknown_ambience")
