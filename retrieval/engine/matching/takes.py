"""Takes of one recording, so that a result is not five of a kind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from retrieval.engine.spaces.distributions import Distribution

NEARLY_IDENTICAL: Final = 0.02
"""Total variation distance up to which two profiles count as the same recording's: a re-encoded
or slightly trimmed copy lies below, two recordings of the same place far above."""

SAME_SOURCE: Final = 0.5
"""The same where both name one source. A source may be the page of a whole collection: what sounds
quite different is no take then."""


@dataclass(frozen=True, slots=True)
class Take:
    """A recording as far as it matters here: where it came from and what is heard in it."""

    clip_id: int
    source: str
    profile: Distribution


@dataclass(slots=True)
class TakeGroup:
    """The best placed take of a recording, and the others in the order of their places."""

    best: Take
    others: list[Take] = field(default_factory=list)


def group_takes(ranked: Iterable[Take]) -> list[TakeGroup]:
    """Gather takes of the same recording behind the best placed of them.

    Each is compared with the best take of every group: it is a take of that recording if the two
    differ by no more than `NEARLY_IDENTICAL`, or by `SAME_SOURCE` and name the same source.

    Parameters
    ----------
    ranked : iterable of Take
        Best first. An empty source is none.

    Returns
    -------
    list of TakeGroup
        In the order of their best takes.
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
    named = bool(one.source) and one.source == other.source
    distance = 0.5 * float(np.abs(one.profile.values - other.profile.values).sum())
    return distance <= (SAME_SOURCE if named else NEARLY_IDENTICAL)
