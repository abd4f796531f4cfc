"""Which networks are used, decided by the weight files that this machine has."""

from __future__ import annotations

from collections.abc import Collection

from django.conf import settings

from retrieval.engine.matching.recipes import SOUND_MATCHERS
from retrieval.engine.networks.weights import (
    EFFICIENTNET_LITE0,
    IMAGE_NETWORKS,
    MOBILENET_V2,
    SOUND_NETWORKS,
    SOUNDNET_8,
    YAMNET,
    YAMNET_INT8,
    WeightSpec,
)
from retrieval.engine.spaces.space import HEARD, ClassSpace, all_spaces, objects
from retrieval.models import ClipProfile

IMAGE_NETWORK_NAMES = {"mobilenet": MOBILENET_V2, "efficientnet-lite0": EFFICIENTNET_LITE0}
"""The networks by the values of `SOUNDSCAPE_IMAGE_MODEL`; ``auto`` is none of them."""

SOUND_NETWORK_NAMES = {"yamnet": YAMNET, "yamnet-int8": YAMNET_INT8}
"""The networks by the values of `SOUNDSCAPE_SOUND_MODEL`; ``auto`` is none of them."""


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


def sound_candidates() -> tuple[WeightSpec, ...]:
    """Return the sound networks that `SOUNDSCAPE_SOUND_MODEL` allows, the preferred one first."""
    chosen = SOUND_NETWORK_NAMES.get(settings.SOUNDSCAPE_SOUND_MODEL)
    return SOUND_NETWORKS if chosen is None else (chosen,)


def sound_network() -> WeightSpec:
    """Return the sound network by which recordings are profiled and searched.

    Of several allowed ones it is the one that made the library's first profile, so that no update
    of the program and no import with another setting makes all profiles anew; for an empty library
    the first whose weights exist.
    """
    candidates = [spec for spec in sound_candidates() if is_present(spec)]
    if len(candidates) < 2:
        return (candidates or sound_candidates())[0]
    first = ClipProfile.objects.filter(space=HEARD).order_by("pk").values_list("model_version")
    network = next((version.partition("+")[0] for (version,) in first[:1]), None)
    return next((spec for spec in candidates if spec.model_version == network), candidates[0])


def has_sound_network() -> bool:
    """Say whether YAMNet's weights exist, without which no recording can be matched by sounds."""
    return any(is_present(spec) for spec in sound_candidates())


def ignores_sounds() -> bool:
    """Say whether photos are matched by things alone because YAMNet is missing."""
    return settings.SOUNDSCAPE_MATCHER in SOUND_MATCHERS and not has_sound_network()


def available_spaces() -> tuple[ClassSpace, ...]:
    """Return the spaces in which recordings can be profiled.

    The space of sounds needs YAMNet, which may be missing; SoundNet is required.
    """
    if not has_sound_network():
        return (objects(),)
    return all_spaces(sounds=sound_network().model_version)
