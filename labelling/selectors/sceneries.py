"""What photos show, by their newest profile: scenery group and origin."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from django.db import connection

from retrieval.engine.vocabulary.heard_there import Origin, Scenery, load_heard_there

UNKNOWN: Final = "unknown"
"""Scenery group and origin of photos without a profile."""

# The database adds up the classes: a profile has 1000, and a photo set thousands of photos. Adding
# zeros to a profile, which OFFSET keeps apart, reads its stored value once and not for each sum.
_SUMS: Final = """
SELECT photo_sha256, {sums}
FROM (
    SELECT photo_sha256, distribution + %(zeros)s::vector AS classes
    FROM retrieval_sceneprofile
    WHERE id IN (
        SELECT DISTINCT ON (photo_sha256) id FROM retrieval_sceneprofile
        WHERE photo_sha256 = ANY(%(photos)s) AND space_id = 'objects' AND classes = %(size)s
        ORDER BY photo_sha256, id DESC
    )
    OFFSET 0
) AS newest
"""


@dataclass(frozen=True, slots=True)
class PhotoKind:
    """Scenery and origin in which a photo's classes are most probable."""

    scenery: str = UNKNOWN
    origin: str = UNKNOWN


def kinds_of_photos(photos: Collection[str]) -> dict[str, PhotoKind]:
    """Return the kinds of the photos, named by hash, that have a profile; with one query."""
    sceneries, origins = list(Scenery), list(Origin)
    groups = _members()
    names = [f"group_{index}" for index in range(len(groups))]
    sums = ", ".join(f"-(classes <#> %({name})s::vector)" for name in names)
    values: dict[str, Any] = {
        "photos": sorted(set(photos)),
        "size": len(load_heard_there().seen),
        "zeros": str([0] * len(load_heard_there().seen)),
        **dict(zip(names, groups, strict=True)),
    }
    with connection.cursor() as cursor:
        cursor.execute(_SUMS.format(sums=sums), values)
        rows = cursor.fetchall()
    found = np.array([row[1:] for row in rows]).reshape(len(rows), len(groups))
    by_scenery = found[:, : len(sceneries)].argmax(axis=1).tolist()
    by_origin = found[:, len(sceneries) :].argmax(axis=1).tolist()
    return {
        row[0]: PhotoKind(sceneries[scenery].value, origins[origin].value)
        for row, scenery, origin in zip(rows, by_scenery, by_origin, strict=True)
    }


@cache
def _members() -> tuple[str, ...]:
    """Return for each scenery, then each origin, which classes belong to it, as vectors of 0, 1."""
    entries = load_heard_there().entries
    sceneries = [[int(entry.scenery is one) for entry in entries] for one in Scenery]
    origins = [[int(entry.origin is one) for entry in entries] for one in Origin]
    return tuple(str(one) for one in (*sceneries, *origins))
