"""Takes: near-duplicate recordings, grouped so that a result shows only the best of each group."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from retrieval.engine.spaces.distributions import Distribution

NEARLY_IDENTICAL: Final = 0.02
"""Largest total variation distance between takes of any source. Re-encoded or slightly trimmed
copies lie below it, two recordings of the same place far above."""

SAME_SOURCE: Final = 0.5
"""Largest total variation distance between takes that name the same source. A source may be the
page of a whole collection, so different recordings may share it."""


@dataclass(frozen=True, slots=True)
class Take:
    """A recording with its source, empty if unknown, and its profile."""

    clip_id: int
    source: str
    profile: Distribution


@dataclass(slots=True)
class TakeGroup:
    """The highest-ranked take of a recording, and the others in ranked order."""

    best: Take
    others: list[Take] = field(default_factory=list)


def group_takes(ranked: Iterable[Take]) -> list[TakeGroup]:
    """Group the takes of the same recording; takes and groups are in ranked order, best first.

    A take joins the first group whose best take is at most `NEARLY_IDENTICAL` away, or at most
    `SAME_SOURCE` if both name the same source. Otherwise it starts a group.
    """
    groups: list[TakeGroup] = []
    for take in ranked:
        group = next((group for group in groups if _same_recording(group.best, take)), None)
        if group is None:
            groups.append(TakeGroup(take))
        else:
            group.others.append(take)
    return groups


def _same_recording(one: Take, other: Take) -> bool:
    same_source = one.source != "" and one.source == other.source
    distance = 0.5 * float(np.abs(one.profile.values - other.profile.values).sum())
    return distance <= (SAME_SOURCE if same_source else NEARLY_IDENTICAL)
