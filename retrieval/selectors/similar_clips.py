"""The recordings that are most like a given one."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import OperationalError
from django.db.models import FloatField, Func, Value
from django.db.models.expressions import Combinable
from psycopg2.errors import QueryCanceled

from retrieval.models import Clip, ClipProfile
from retrieval.models.vectors import DistributionField
from retrieval.selectors.clip_details import ClipDetails
from retrieval.selectors.library import clips_by_id


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
    exactly over all profiles (pgvector's `l1_distance`), keeping only the nearest, so memory does
    not grow with the library.

    Raises
    ------
    KeyError
        If the recording has no profile in the space.
    SearchTooSlowError
        If the database's time for a statement was over.
    """
    own = details.profiles[space]
    # The vector itself, not a subquery: the database reads it once.
    given = Value(own.distribution, output_field=DistributionField())
    rows = ClipProfile.objects.filter(
        space_id=space, model_version=own.model_version, clip__removed_in__isnull=True
    ).exclude(clip_id=own.clip_id)
    ordered = rows.annotate(distance=_l1_distance("distribution", given)).order_by(
        "distance", "clip_id"
    )
    try:
        nearest = list(ordered.values_list("clip_id", "distance")[:limit])
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise SearchTooSlowError(f"recordings like {own.clip_id} in {space}") from error
        raise
    clips = clips_by_id(clip_id for clip_id, _distance in nearest)
    return [SimilarClip(clips[clip_id], distance / 2) for clip_id, distance in nearest]


def _l1_distance(*vectors: str | Combinable) -> Func:
    return Func(*vectors, function="l1_distance", output_field=FloatField())
