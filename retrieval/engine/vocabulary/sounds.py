"""The description of a recording: names of its sounds, and flags for librarians."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.vocabulary.labels import ClassLabel, Vocabulary

AUDIBLE_SCORE: Final = 0.15
"""A sound with this mean score is usually present: YAMNet's scores are low. Chosen by comparing
the sample recordings' scores with their titles and tags."""

MAX_SOUNDS: Final = 8

_FLAGGED_SCORE: Final = 0.5

TOO_GENERAL: Final = frozenset(
    {
        "Animal", "Wild animals", "Domestic animals, pets",
        "Livestock, farm animals, working animals", "Bird", "Liquid", "Mechanisms", "Music",
        "Field recording", "Sound effect", "Silence", "Noise", "Environmental noise", "Static",
        "White noise", "Pink noise", "Outside, rural or natural", "Outside, urban or manmade",
        "Inside, small room", "Inside, large room or hall", "Inside, public space",
        "Reverberation", "Echo", "Sidetone", "Distortion", "Effects unit",
    }
)  # fmt: skip
"""Labels of how or where something was recorded, or that only generalise another sound."""


# Names for which `short_name`'s rule gives a singular noun, a verb, or an unusual word.
_SHORT_NAMES: Final[Mapping[str, str]] = {
    "Bird vocalization, bird call, bird song": "birdsong",
    "Livestock, farm animals, working animals": "farm animals",
    "Motor vehicle (road)": "traffic",
    "Fixed-wing aircraft, airplane": "aeroplanes",
    "Boat, Water vehicle": "boats",
    "Walk, footsteps": "footsteps",
    "Clip-clop": "hooves",
    "Fowl": "poultry",
    "Splash, splatter": "splashing",
    "Chirp, tweet": "chirping",
    "Insect": "insects", "Cricket": "crickets", "Bird": "birds", "Bee, wasp, etc.": "bees",
    "Dog": "dogs", "Cat": "cats", "Horse": "horses", "Pig": "pigs", "Goat": "goats",
    "Duck": "ducks", "Goose": "geese", "Frog": "frogs", "Crow": "crows", "Owl": "owls",
    "Chicken, rooster": "chickens", "Pigeon, dove": "pigeons",
    "Car": "cars", "Bus": "buses", "Truck": "lorries", "Vehicle": "vehicles", "Train": "trains",
    "Motorcycle": "motorcycles", "Bicycle": "bicycles", "Helicopter": "helicopters",
    "Motorboat, speedboat": "motorboats", "Sailboat, sailing ship": "sailing boats",
    "Rowboat, canoe, kayak": "rowing boats", "Engine": "engines", "Church bell": "church bells",
    "Bell": "bells", "Cowbell": "cowbells", "Clock": "clocks",
    "Bark": "barking", "Howl": "howling", "Moo": "mooing", "Bleat": "bleating",
    "Squawk": "squawking", "Quack": "quacking", "Croak": "croaking", "Buzz": "buzzing",
    "Rustle": "rustling", "Creak": "creaking", "Crunch": "crunching", "Crackle": "crackling",
    "Tick": "ticking", "Shout": "shouting", "Clatter": "clattering", "Drip": "dripping",
}  # fmt: skip


SPEECH: Final = frozenset(
    {"Speech", "Child speech, kid speaking", "Conversation", "Narration, monologue"}
)


class Flag(StrEnum):
    """Why a recording may not be an ambience."""

    SPEECH = "speech"
    MUSIC = "music"
    NOISE = "noise"
    SILENCE = "silence"


_FLAGGED_BY: Final[Mapping[Flag, frozenset[str]]] = {
    Flag.SPEECH: SPEECH,
    Flag.MUSIC: frozenset({"Music", "Musical instrument", "Singing"}),
    Flag.NOISE: frozenset({"Noise", "White noise", "Pink noise", "Static", "Hum", "Mains hum"}),
    Flag.SILENCE: frozenset({"Silence"}),
}


@dataclass(frozen=True, slots=True)
class DetectedSound:
    """A sound and its mean score, within [0, 1]."""

    label: ClassLabel
    score: float

    @property
    def name(self) -> str:
        """The common name, without the vocabulary's synonyms."""
        return short_name(self.label)


@dataclass(frozen=True, slots=True)
class Description:
    """The sounds and flags of a recording.

    Attributes
    ----------
    sounds : tuple of DetectedSound
        Largest score first; at most `MAX_SOUNDS`, may be empty.
    flags : tuple of Flag
        In the order of `Flag`.
    """

    sounds: tuple[DetectedSound, ...]
    flags: tuple[Flag, ...]


def describe(windows: NDArray[np.floating], vocabulary: Vocabulary) -> Description:
    """Describe a recording by its scores.

    Parameters
    ----------
    windows : float [shape=(n, k)]
        Scores of the sounds in each window, within [0, 1].
    vocabulary : Vocabulary
        The k classes, e.g. AudioSet's.
    """
    scores = np.asarray(windows, dtype=np.float64).mean(axis=0)
    order = [int(index) for index in np.argsort(-scores, kind="stable")]
    named = [index for index in order if vocabulary[index].name not in TOO_GENERAL]
    sounds = [
        DetectedSound(vocabulary[index], float(scores[index]))
        for index in named[:MAX_SOUNDS]
        if scores[index] >= AUDIBLE_SCORE
    ]
    known = {label.name for label in vocabulary}
    flagged = {
        flag: max((scores[place] for place in vocabulary.positions(names & known)), default=0.0)
        for flag, names in _FLAGGED_BY.items()
    }
    if sounds and sounds[0].score > flagged[Flag.NOISE]:
        flagged[Flag.NOISE] = 0.0  # rain and surf are noise with a known cause
    flags = [flag for flag, score in flagged.items() if score >= _FLAGGED_SCORE]
    return Description(tuple(sounds), tuple(flags))


def short_name(label: ClassLabel) -> str:
    """Return a sound's common name, e.g. "waves" for "Waves, surf"."""
    name = _SHORT_NAMES.get(label.name)
    return name or label.name.partition(",")[0].partition(" (")[0].lower()
