"""Matchers by name, with the weights they are used with."""

from __future__ import annotations

from typing import Final

from retrieval.engine.errors import EngineError
from retrieval.engine.matching.bank import Bank, classes_bank
from retrieval.engine.matching.matcher import Matcher, PaperMatcher
from retrieval.engine.matching.sound_matcher import SoundMatcher
from retrieval.engine.spaces.space import heard, objects
from retrieval.engine.vocabulary.heard_there import HeardThere, load_heard_there

MATCHERS: Final = ("paper", "heard", "fused")

THINGS_BESIDE_SOUNDS: Final = 0.3
"""A deviation among things counts as much as 0.3 nats among sounds."""

SPEECH_PENALTY: Final = 3.0

ODDNESS_PENALTY: Final = 0.07


def paper() -> Matcher:
    """Return the paper's matcher: relative entropy among ImageNet's classes, nothing else."""
    space = objects()
    return PaperMatcher(space, classes_bank((space,)))


def heard_matcher(table: HeardThere | None = None, bank: Bank | None = None) -> Matcher:
    """Return the matcher by sounds; photos that say little of sounds lean on their things."""
    return _ear("heard", table, bank, things_always=0.0, things_when_mute=THINGS_BESIDE_SOUNDS)


def fused(table: HeardThere | None = None, bank: Bank | None = None) -> Matcher:
    """Return the matcher by sounds and things."""
    return _ear("fused", table, bank, things_always=THINGS_BESIDE_SOUNDS, things_when_mute=0.0)


def _ear(
    name: str,
    table: HeardThere | None,
    bank: Bank | None,
    *,
    things_always: float,
    things_when_mute: float,
) -> Matcher:
    things, sounds = objects(whole=True), heard(table)
    return SoundMatcher(
        name,
        things=things,
        sounds=sounds,
        bank=bank or classes_bank((things, sounds)),
        things_always=things_always,
        things_when_mute=things_when_mute,
        speech_penalty=SPEECH_PENALTY,
        oddness_penalty=ODDNESS_PENALTY,
        anywhere=load_heard_there().anywhere,  # an override changes photos, not a library's rows
    )


def matcher_named(
    name: str, *, table: HeardThere | None = None, bank: Bank | None = None
) -> Matcher:
    """Return a matcher by its name.

    Parameters
    ----------
    name : str
        One of `MATCHERS`.
    table : HeardThere, optional
        What one hears where; the project's own by default. The paper's matcher needs none.
    bank : Bank, optional
        Photos against which scores are judged; by default every class once. The paper's matcher
        stays as it was published and takes none.

    Raises
    ------
    EngineError
        With code ``matcher_unknown`` if there is none of that name.
    """
    if name == "paper":
        return paper()
    makers = {"heard": heard_matcher, "fused": fused}
    if name not in makers:
        raise EngineError(
            f"no matcher is called {name!r}; there are: {', '.join(MATCHERS)}",
            code="matcher_unknown",
        )
    return makers[name](table, bank)
