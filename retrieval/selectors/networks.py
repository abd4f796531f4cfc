"""Which networks are used, decided by the weight files that this machine has."""

from __future__ import annotations

from collections.abc import Collection

from django.conf import settings

from retrieval.engine.matching.recipes import SOUND_MATCHERS
from retrieval.engine.networks.weights import (
    EFFICIENTNET_LITE0,
    IMAGE_NETWORKS,
    MOBILENET_V2,
    SOUNDNET_8,
    YAMNET,
    WeightSpec,
)
from retrieval.engine.spaces.space import ClassSpace, all_spaces, objects

IMAGE_NETWORK_NAMES = {"mobilenet": MOBILENET_V2, "efficientnet-lite0": EFFICIENTNET_LITE0}
"""The networks by the values of `SOUNDSCAPE_IMAGE_MODEL`; ``auto`` is none of them."""


def is_present(spec: WeightSpec) -> bool:
    """Say whether a network's converted weights exist."""
    return (settings.SOUNDSCAPE_MODELS_DIRECTORY / spec.converted_name).is_file()


def image_candidates() -> tuple[WeightSpec, ...]:
    """Return the image networks that `SOUNDSCAPE_IMAGE_MODEL` allows, the preferred one first."""
    chosen = IMAGE_NETWORK_NAMES.get(settings.SOUNDSCAPE_IMAGE_MODEL)
    return IMAGE_NETWORKS if chosen is None else (chosen,)


def image_network() -> WeightSpec:
    """Return the image network for new photos: the first allowed one whose weights exist.

    Without any it is the preferred one, whose classifier then reports what is missing.
    """
    candidates = image_candidates()
    return next(filter(is_present, candidates), candidates[0])


def missing_requirements(usable: Collection[WeightSpec]) -> list[WeightSpec]:
    """Return the networks that the program needs and that are not usable.

    It needs SoundNet and one of the allowed image networks.
    """
    candidates = image_candidates()
    lacking = [] if any(one in usable for one in candidates) else [*candidates]
    return lacking if SOUNDNET_8 in usable else [*lacking, SOUNDNET_8]


def has_sound_network() -> bool:
    """Say whether YAMNet's weights exist, without which no recording can be matched by sounds."""
    return is_present(YAMNET)


def ignores_sounds() -> bool:
    """Say whether photos are matched by things alone because YAMNet is missing."""
    return settings.SOUNDSCAPE_MATCHER in SOUND_MATCHERS and not has_sound_network()


def available_spaces() -> tuple[ClassSpace, ...]:
    """Return the spaces in which recordings can be profiled.

    The space of sounds needs YAMNet, which may be missing; SoundNet is required.
    """
    return all_spaces() if has_sound_network() else (objects(),)
