"""The matchers by name, with their parameters."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from retrieval.engine.errors import EngineError
from retrieval.engine.matching.bank import Bank, classes_bank
from retrieval.engine.matching.matcher import Matcher, PaperMatcher
from retrieval.engine.matching.sound_matcher import SoundMatcher
from retrieval.engine.networks.weights import MOBILENET_V2, YAMNET_INT8
from retrieval.engine.spaces.space import heard, objects
from retrieval.engine.vocabulary.heard_there import HeardThere, load_heard_there

PAPER: Final = "paper"

THINGS_BESIDE_SOUNDS: Final = 0.3
"""Nats among sounds that weigh as much as one standard deviation among things."""

SPEECH_PENALTY: Final = 3.0

ODDNESS_PENALTY: Final = 0.07


SOUND_MATCHERS: Final = MappingProxyType(
    {
        "heard": (0.0, THINGS_BESIDE_SOUNDS),
        "fused": (THINGS_BESIDE_SOUNDS, 0.0),
    }
)
"""The matchers that compare sounds, with `things_always` and `things_when_mute` of `SoundMatcher`.
In ``heard``, things count only for photos that indicate few sounds."""

MATCHERS: Final = (PAPER, *SOUND_MATCHERS)


def matcher_named(
    name: str,
    *,
    table: HeardThere | None = None,
    bank: Bank | None = None,
    image: str = MOBILENET_V2.model_version,
    audio: str = YAMNET_INT8.model_version,
) -> Matcher:
    """Return a matcher by its name.

    Parameters
    ----------
    name : str
        One of `MATCHERS`.
    table : HeardThere, optional
        The sounds heard where each class is seen; by default the project's. ``paper`` ignores it.
    bank : Bank, optional
        Photos against which scores are judged; by default every class once. ``paper`` ignores it.
    image : str
        Version of the image network.
    audio : str
        Version of the sound network. ``paper`` ignores it.

    Raises
    ------
    EngineError
        With code ``matcher_unknown`` if there is none of that name.
    """
    if name == PAPER:
        space = objects(image=image)
        return PaperMatcher(space, classes_bank((space,)))
    if name not in SOUND_MATCHERS:
        raise EngineError(
            f"no matcher is called {name!r}; there are: {', '.join(MATCHERS)}",
            code="matcher_unknown",
        )
    things_always, things_when_mute = SOUND_MATCHERS[name]
    things, sounds = objects(whole=True, image=image), heard(table, image=image, sounds=audio)
    return SoundMatcher(
        name,
        things=things,
        sounds=sounds,
        bank=bank or classes_bank((things, sounds)),
        things_always=things_always,
        things_when_mute=things_when_mute,
        speech_penalty=SPEECH_PENALTY,
        oddness_penalty=ODDNESS_PENALTY,
        anywhere=load_heard_there().anywhere,  # overrides change photo profiles, not clip rows
    )
