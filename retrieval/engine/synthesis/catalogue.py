"""The eight ambiences: what each is called, how it is made, what it should bring to mind.

`fitting_classes` names the ImageNet classes that honestly fit: what makes the
sound, or what marks a place where it is heard. They come from knowledge of the
world and were not widened to please a model; the tests hold SoundNet's answer
against them. It puts one of them among its 25 most probable for all but the
night insects, which it takes for birds and monkeys.
"""

from __future__ import annotations

from collections.abc import Mapping
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


class UnknownAmbienceError(EngineError):
    """A name that no ambience has."""

    code = "unknown_ambience"


@dataclass(frozen=True)
class Ambience:
    """One recording that can be synthesised.

    Parameters
    ----------
    name : str
        Its key, fit for a file name.
    title : str
        What a visitor reads.
    tags : tuple of str
        What is heard.
    fitting_classes : Mapping of str to str
        ImageNet's id (wnid) and name of each class that fits, see above.
    compose : Composer
        Makes the track.
    seed : int
        Where its chance starts: the same seed gives the same samples.
    """

    name: str
    title: str
    tags: tuple[str, ...]
    fitting_classes: Mapping[str, str]
    compose: Composer
    seed: int


AMBIENCES = (
    Ambience(
        name="sea",
        title="Waves on a beach",
        tags=("sea", "waves", "surf"),
        fitting_classes={
            "n09428293": "seashore",
            "n09421951": "sandbar",
            "n02894605": "breakwater",
            "n09399592": "promontory",
            "n02814860": "beacon",
            "n03933933": "pier",
        },
        compose=sea,
        seed=101,
    ),
    Ambience(
        name="stream",
        title="Brook over stones",
        tags=("stream", "water", "bubbling"),
        fitting_classes={
            "n09468604": "valley",
            "n01601694": "water ouzel",
            "n02951358": "canoe",
            "n03160309": "dam",
            "n02444819": "otter",
            "n02363005": "beaver",
        },
        compose=stream,
        seed=102,
    ),
    Ambience(
        name="rain",
        title="Rain in a garden",
        tags=("rain", "drops"),
        fitting_classes={
            "n04507155": "umbrella",
            "n04049303": "rain barrel",
            "n03457902": "greenhouse",
            "n03899768": "patio",
            "n03991062": "pot",
            "n04435653": "tile roof",
        },
        compose=rain,
        seed=103,
    ),
    Ambience(
        name="thunderstorm",
        title="Thunderstorm in the mountains",
        tags=("thunder", "storm", "rain"),
        fitting_classes={
            "n09193705": "alp",
            "n09246464": "cliff",
            "n09468604": "valley",
            "n09399592": "promontory",
            "n04507155": "umbrella",
        },
        compose=thunderstorm,
        seed=104,
    ),
    Ambience(
        name="wind",
        title="Gusts over open land",
        tags=("wind", "gusts", "whistling"),
        fitting_classes={
            "n09193705": "alp",
            "n09246464": "cliff",
            "n09468604": "valley",
            "n09399592": "promontory",
            "n09428293": "seashore",
            "n03355925": "flagpole",
        },
        compose=wind,
        seed=105,
    ),
    Ambience(
        name="birds",
        title="Birds in a wood",
        tags=("birds", "birdsong", "cuckoo"),
        fitting_classes={
            "n01530575": "brambling",
            "n01531178": "goldfinch",
            "n01532829": "house finch",
            "n01534433": "junco",
            "n01537544": "indigo bunting",
            "n01558993": "robin",
            "n01560419": "bulbul",
            "n01580077": "jay",
            "n01582220": "magpie",
            "n01592084": "chickadee",
            "n02843684": "birdhouse",
        },
        compose=birds,
        seed=106,
    ),
    Ambience(
        name="night-insects",
        title="Crickets on a summer night",
        tags=("insects", "crickets", "night"),
        fitting_classes={
            "n02229544": "cricket",
            "n02226429": "grasshopper",
            "n02256656": "cicada",
            "n02259212": "leafhopper",
        },
        compose=night_insects,
        seed=107,
    ),
    Ambience(
        name="campfire",
        title="Campfire",
        tags=("fire", "crackling"),
        fitting_classes={
            "n04456115": "torch",
            "n03792972": "mountain tent",
            "n03729826": "matchstick",
            "n02939185": "caldron",
            "n03259280": "Dutch oven",
            "n03347037": "fire screen",
        },
        compose=campfire,
        seed=108,
    ),
)


def synthesise(name: str) -> NDArray[np.float32]:
    """Make an ambience.

    Parameters
    ----------
    name : str
        One of the names in `AMBIENCES`.

    Returns
    -------
    float32 array [shape=(FRAMES, 2)]
        24 s at 44 100 Hz, left and right, within -3 dBFS, at -22 LUFS; its
        end joins its start. The same samples on every call.

    Raises
    ------
    UnknownAmbienceError
        If there is no such ambience.
    """
    for ambience in AMBIENCES:
        if ambience.name == name:
            return mastered(ambience.compose(np.random.default_rng(ambience.seed)))
    known = ", ".join(ambience.name for ambience in AMBIENCES)
    raise UnknownAmbienceError(f"no ambience {name!r}; there are {known}")
