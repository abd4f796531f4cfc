"""The recordings that are most like a given one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db import OperationalError
from django.db.models import Exists, FloatField, Func, OuterRef, QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce
from psycopg2.errors import QueryCanceled

from retrieval.engine.spaces.class_groups import group_sums
from retrieval.models import Clip, ClipProfile
from retrieval.models.vectors import DistributionField, HalfVectorField
from retrieval.selectors.clip_details import ClipDetails
from retrieval.selectors.library import clips_by_id

_FEW: Final = 200
"""Profiles that are compared to tell how far away the answer reaches."""

_FIRST: Final = 10_000
"""Profiles that one scan lists: of 2 million, 100 to 20 000 can belong to the answer."""

_FARTHEST: Final = 3.0  # no two distributions are farther apart than 2

_ROUNDING: Final = 2.0**-9
"""More than the sums' distance can exceed that of the profiles by rounding, in spaces of up to 5000
classes. Profiles sum to 1, so distances are at most 2. A stored sum, a float16, is off by 2^-11 of
itself or by 2^-25: for two profiles by 2^-10, or 2^-18 in 64 groups. A float32 sum of n differences
is off by n 2^-24 of itself: 2^-17 for 64 groups, less than 2^-10.6 for 5000 classes. Together less
than 2^-9."""


class SearchTooSlowError(Exception):
    """The database stopped the search, which took longer than a request may."""

    code = "search_too_slow"


@dataclass(frozen=True, slots=True)
class SimilarClip:
    """A recording, and how far its profile is from the one asked for."""

    clip: Clip
    total_variation: float


def similar_clips(details: ClipDetails, *, space: str, limit: int) -> list[SimilarClip]:
    r"""Return the served recordings with the nearest profiles in a space, nearest first.

    The distance is the total variation:

    .. math:: d(p, q) = \frac{1}{2} \sum_c |p_c - q_c|

    It is the share of probability that one profile would have to move to become the other, within
    [0, 1], and a metric. The relative entropy, by which photos are matched, is not meant for two
    recordings: it depends on which of the two comes first, and classes of almost no probability
    decide it. Jensen and Shannon's divergence, which is symmetric, needs a logarithm for every
    class of every recording. Total variation is a sum of differences that the database computes
    (pgvector's `l1_distance`), keeping only the nearest, so memory does not grow with the library.

    Most profiles need not be read: no distance is less than that of the sums over groups of classes
    (`engine/spaces/class_groups`), which lie in the row itself, while profiles lie beside it. The
    recordings with the nearest sums tell how far away the last one of the answer is at most; those
    whose sums are not farther away are compared.

    Raises
    ------
    KeyError
        If the recording has no profile in the space.
    SearchTooSlowError
        If the database's time for a statement was over.
    """
    own = details.profiles[space]
    # Vectors themselves, not subqueries: the database reads them once.
    sums = Value(group_sums(own.distribution, space=space), output_field=HalfVectorField())
    rows = (
        ClipProfile.objects.filter(space_id=space, model_version=own.model_version)
        .exclude(clip_id=own.clip_id)
        .annotate(least=Coalesce(_l1_distance("group_sums", sums), 0.0, output_field=FloatField()))
    )
    reach = _FARTHEST
    try:
        first = list(rows.order_by("least").values_list("pk", "least")[:_FIRST])
        for count in (_FEW, _FIRST):
            close = [pk for pk, least in first[:count] if least <= reach]
            nearest = _nearest(rows.filter(pk__in=close), own, limit=limit)
            reach = _ROUNDING + nearest[-1][1] if len(nearest) == limit else _FARTHEST
        if len(first) == _FIRST and first[-1][1] <= reach:
            nearest = _nearest(rows.filter(least__lte=reach), own, limit=limit)
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise SearchTooSlowError(f"recordings like {own.clip_id} in {space}") from error
        raise
    clips = clips_by_id(clip_id for clip_id, _distance in nearest)
    return [SimilarClip(clips[clip_id], distance / 2) for clip_id, distance in nearest]


def _nearest(
    rows: QuerySet[ClipProfile], own: ClipProfile, *, limit: int
) -> list[tuple[int, float]]:
    """Return the ids of the nearest served clips and their distances, nearest first."""
    given = Value(own.distribution, output_field=DistributionField())
    # Few are withdrawn, and their index is read; joined, the whole table of recordings would be.
    withdrawn = Clip.objects.filter(pk=OuterRef("clip_id"), removed_in__isnull=False)
    ordered = rows.annotate(distance=_l1_distance("distribution", given)).order_by(
        "distance", "clip_id"
    )
    return list(ordered.exclude(Exists(withdrawn)).values_list("clip_id", "distance")[:limit])


def _l1_distance(*vectors: str | Combinable) -> Func:
    return Func(*vectors, function="l1_distance", output_field=FloatField())
