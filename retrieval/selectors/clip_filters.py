"""What a search can be restricted to: facts of recordings, and which recordings have them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from django.db.models import Q
from numpy.typing import NDArray

from retrieval.catalogue.licences import COMMERCIAL
from retrieval.models import Clip


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipFilter:
    """Facts that a recording must have; None and an empty text ask for nothing.

    Attributes
    ----------
    licenses : frozenset of str, optional
        Codes of licences, of which it has one.
    tag : str
        One of its tags, as it is written.
    sound : str
        Name of a sound that was detected in it.
    collection : str
        Its collection.
    min_duration_s, max_duration_s : float, optional
        Bounds of its duration, both included, in seconds.
    """

    licenses: frozenset[str] | None = None
    tag: str = ""
    sound: str = ""
    collection: str = ""
    min_duration_s: float | None = None
    max_duration_s: float | None = None

    @classmethod
    def of_json(cls, stored: Mapping[str, Any]) -> ClipFilter:
        """Return the filter of its canonical form."""
        licenses = stored.get("licenses")
        given = dict(stored) | {"licenses": None if licenses is None else frozenset(licenses)}
        return cls(**given)

    def as_json(self) -> dict[str, Any]:
        """Return the canonical form, in which runs are compared: what is asked for, sorted."""
        given: dict[str, Any] = {
            name: value
            for name in _NAMES
            if (value := getattr(self, name)) not in {None, "", frozenset()}
        }
        if self.licenses is not None:
            given["licenses"] = sorted(self.licenses)
        if self.min_duration_s == 0:
            del given["min_duration_s"]
        return given

    @property
    def is_empty(self) -> bool:
        """Whether every recording passes."""
        return not self.as_json()

    def condition(self) -> Q:
        """Return the condition of the recordings that pass."""
        passing = Q()
        if self.licenses is not None:
            passing &= Q(license__in=self.licenses)
        if self.tag:
            passing &= Q(tags__contains=[self.tag])
        if self.sound:
            passing &= Q(sound_tags__contains=[self.sound])
        if self.collection:
            passing &= Q(collection=self.collection)
        if self.min_duration_s is not None:
            passing &= Q(duration_s__gte=self.min_duration_s)
        if self.max_duration_s is not None:
            passing &= Q(duration_s__lte=self.max_duration_s)
        return passing


EVERY_CLIP: Final = ClipFilter()

CHANGEABLE_FACTS: Final = frozenset({"license", "tags", "collection"})
"""What filters read of a recording that people may change."""

_NAMES: Final = tuple(field.name for field in fields(ClipFilter))


def licences_of(
    named: Collection[str] | None, *, commercial_use: bool = False
) -> frozenset[str] | None:
    """Return the licences that are asked for by code, by what they allow, or by both."""
    wanted = None if named is None else frozenset(named)
    if not commercial_use:
        return wanted
    return COMMERCIAL if wanted is None else wanted & COMMERCIAL


def passing_among(clip_ids: Collection[int], wanted: ClipFilter) -> set[int]:
    """Return those of these recordings that pass, by one query."""
    some = Clip.objects.filter(wanted.condition(), pk__in=list(clip_ids))
    return set(some.values_list("pk", flat=True))


def passing_ids(wanted: ClipFilter) -> NDArray[np.int64]:
    """Return all recordings that pass, withdrawn ones too; int64 [shape=(n,)]."""
    ids = Clip.objects.filter(wanted.condition()).values_list("pk", flat=True)
    return np.fromiter(ids.iterator(chunk_size=10_000), dtype=np.int64)
