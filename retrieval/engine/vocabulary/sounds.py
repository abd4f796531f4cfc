"""A recording in words: what is heard in it, and what a librarian should know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.vocabulary.labels import ClassLabel, Vocabulary

AUDIBLE_SCORE: Final = 0.15
"""YAMNet is shy: a sound at this score is mostly there (the sample recordings were listened to
by their titles and tags)."""

MOST_SOUNDS: Final = 8

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
"""What says how, or where, something was recorded, or only repeats a sound in general terms."""


# Where the first of AudioSet's names is a noun of one, a verb, or not what people say.
_TOLD_AS: Final[Mapping[str, str]] = {
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
    """What a librarian should know of a recording that is meant to be a place's sound."""

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
class HeardSound:
    """A sound and how surely it is heard, score within [0, 1]."""

    label: ClassLabel
    score: float

    @property
    def name(self) -> str:
        """What people call it, without the vocabulary's synonyms."""
        return short_name(self.label)


@dataclass(frozen=True, slots=True)
class Description:
    """A recording in words.

    Attributes
    ----------
    sounds : tuple of HeardSound
        What is heard in it, surest first; may be empty.
    flags : tuple of Flag
        What is in the way of a place's sound.
    """

    sounds: tuple[HeardSound, ...]
    flags: tuple[Flag, ...]


def describe(moments: NDArray[np.floating], vocabulary: Vocabulary) -> Description:
    """Say in words what is heard in a recording.

    Parameters
    ----------
    moments : float [shape=(n, k)]
        Scores of the sounds in each of its moments, within [0, 1].
    vocabulary : Vocabulary
        AudioSet's classes.
    """
    scores = np.asarray(moments, dtype=np.float64).mean(axis=0)
    order = [int(index) for index in np.argsort(-scores, kind="stable")]
    named = [index for index in order if vocabulary[index].name not in TOO_GENERAL]
    sounds = [
        HeardSound(vocabulary[index], float(scores[index]))
        for index in named[:MOST_SOUNDS]
        if scores[index] >= AUDIBLE_SCORE
    ]
    flagged = {
        flag: max((scores[place] for place in _known(names, vocabulary)), default=0.0)
        for flag, names in _FLAGGED_BY.items()
    }
    if sounds and sounds[0].score > flagged[Flag.NOISE]:
        flagged[Flag.NOISE] = 0.0  # rain and surf are noise, too, but one knows what of
    flags = [flag for flag, score in flagged.items() if score >= _FLAGGED_SCORE]
    return Description(tuple(sounds), tuple(flags))


def _known(names: frozenset[str], vocabulary: Vocabulary) -> list[int]:
    return vocabulary.positions(name for name in names if vocabulary.has_name(name))


def short_name(label: ClassLabel) -> str:
    """Return what people call a sound: "Waves, surf" are waves, its other names left out."""
    told = _TOLD_AS.get(label.name)
    return told or label.name.partition(",")[0].partition(" (")[0].lower()
