"""What photos show, by their newest profile: scenery group and origin."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.vocabulary.heard_there import Origin, Scenery, load_heard_there
from retrieval.models import SceneProfile

UNKNOWN: Final = "unknown"
"""Scenery group and origin of photos without a profile."""

_PHOTOS_AT_ONCE: Final = 2000


@dataclass(frozen=True, slots=True)
class PhotoKind:
    """Scenery and origin in which a photo's classes are most probable."""

    scenery: str = UNKNOWN
    origin: str = UNKNOWN


def kinds_of_photos(photos: Any) -> dict[str, PhotoKind]:
    """Return the kinds of the photos that have a profile, with one query.

    Parameters
    ----------
    photos
        Hashes of their content, or a query that selects these.
    """
    profiles = (
        SceneProfile.objects.filter(
            photo_sha256__in=photos, space="objects", classes=len(load_heard_there().seen)
        )
        .order_by("photo_sha256", "-id")
        .distinct("photo_sha256")
        .values_list("photo_sha256", "distribution")
    )
    return dict(_kinds(profiles.iterator(chunk_size=_PHOTOS_AT_ONCE)))


def _kinds(
    profiles: Iterable[tuple[str, NDArray[np.float32]]],
) -> Iterable[tuple[str, PhotoKind]]:
    sceneries, origins = list(Scenery), list(Origin)
    of_scenery, of_origin = _members()
    rows = iter(profiles)
    while batch := list(islice(rows, _PHOTOS_AT_ONCE)):
        values = np.stack([distribution for _, distribution in batch])
        by_scenery = (values @ of_scenery).argmax(axis=1)
        by_origin = (values @ of_origin).argmax(axis=1)
        for (photo, _), scenery, origin in zip(batch, by_scenery, by_origin, strict=True):
            yield photo, PhotoKind(sceneries[scenery].value, origins[origin].value)


@cache
def _members() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return which classes belong to which scenery and origin, [shape=(classes, groups)]."""
    entries = load_heard_there().entries
    sceneries = [[entry.scenery is one for one in Scenery] for entry in entries]
    origins = [[entry.origin is one for one in Origin] for entry in entries]
    return np.array(sceneries, dtype=np.float64), np.array(origins, dtype=np.float64)
