"""A bank of photos, against which a recording's score for one photo is judged.

Some recordings fit everything: a sound in which the model heard a little of all classes never
scores badly. Whether a score is high *for this recording* shows only against its scores for many
photos. Of these the mean and the covariance are enough, so no photo is kept.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.errors import EngineError
from retrieval.engine.spaces.space import ClassSpace, HeardSpace

CLASSES: Final = "classes"
LEAST_DEVIATION: Final = 0.01
"""In nats. What lies below is rounding, not a recording that tells photos apart."""

_DIGEST_DIGITS: Final = 12
_CHUNK: Final = 500


class ScoreMoments(Protocol):
    """Anything that knows how recordings score over a bank's photos."""

    def of_scores(self, log_row: NDArray[np.float64]) -> tuple[float, float]:
        """Return mean and deviation of a recording's scores, from its ``log q``."""


class ClassMoments:
    """The moments of a bank of every class once and alone, without its large covariance."""

    def of_scores(self, log_row: NDArray[np.float64]) -> tuple[float, float]:
        """Return mean and deviation of ``log q`` over the classes: these are the scores."""
        return float(log_row.mean()), max(float(log_row.std()), LEAST_DEVIATION)


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean and covariance of photos' distributions in one space.

    Attributes
    ----------
    mean : float64 [shape=(k,)]
        Of the distributions.
    covariance : float64 [shape=(k, k)]
        Of the distributions, over the bank itself (divided by n, not n - 1).
    """

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]

    @classmethod
    def of(cls, distributions: Iterable[NDArray[np.float64]]) -> Moments:
        """Return the moments of some distributions, float64 [shape=(k,)] each, two at least.

        They may come one by one: none is kept. Deviations are summed about the first one, so that
        nothing is lost where all of them lie close together.

        Raises
        ------
        EngineError
            With code ``bank_too_small`` if there are fewer than two.
        """
        stream = iter(distributions)
        origin = next(stream, None)
        count = 1
        if origin is not None:
            total = np.zeros_like(origin)
            products = np.zeros((origin.size, origin.size))
            while chunk := list(islice(stream, _CHUNK)):
                offsets = np.stack(chunk) - origin
                total += offsets.sum(axis=0)
                products += offsets.T @ offsets
                count += len(chunk)
        if origin is None or count < 2:
            raise EngineError(
                f"a bank needs at least two photos, got {count if origin is not None else 0}",
                code="bank_too_small",
            )
        shift = total / count
        return cls(origin + shift, products / count - np.outer(shift, shift))

    def of_scores(self, log_row: NDArray[np.float64]) -> tuple[float, float]:
        r"""Return mean and deviation, over the bank, of a recording's scores :math:`p \cdot b`.

        :math:`\mu = \bar p \cdot b`, :math:`\sigma^2 = b^\top C\, b`, exactly those of the scores
        themselves.

        Parameters
        ----------
        log_row : float64 [shape=(k,)]
            ``b = log q`` of the recording, in nats.

        Returns
        -------
        tuple of float
            Mean and deviation, in nats; the deviation is at least `LEAST_DEVIATION`. A recording
            that is all even scores the same for every photo: its standard score is 0 then.
        """
        mean = float(self.mean @ log_row)
        variance = max(0.0, float(log_row @ self.covariance @ log_row))
        return mean, max(math.sqrt(variance), LEAST_DEVIATION)


@dataclass(frozen=True, eq=False)
class Bank:
    """A bank's moments in each space, under a name that stands for their content.

    Attributes
    ----------
    version : str
        What it was made of, e.g. ``classes@3f2a...`` or ``photos-2@9b1c...``; stored with every
        run.
    versions : mapping of str to str
        The same for each space alone, by its name: a bank of photos may know one space, and leave
        another to the classes.
    load : callable
        Returns the moments by the name of the space. Called when a score is first judged: who
        only needs to know which bank is in force never pays for it.
    """

    version: str
    versions: Mapping[str, str]
    load: Callable[[], Mapping[str, ScoreMoments]]

    @cached_property
    def moments(self) -> Mapping[str, ScoreMoments]:
        """The moments by the name of the space."""
        return self.load()


def classes_bank(spaces: Sequence[ClassSpace]) -> Bank:
    """Return the bank that needs no photo: every class of the image model, once and alone.

    In a space of sounds a class counts as what is heard there; those that say nothing are left
    out.
    """
    digest = hashlib.sha256(
        "".join(f"{space.name}={space.image_model}\n" for space in spaces).encode()
    )
    return Bank(
        f"{CLASSES}@{digest.hexdigest()[:_DIGEST_DIGITS]}",
        versions={space.name: CLASSES for space in spaces},
        load=lambda: {space.name: class_moments(space) for space in spaces},
    )


def class_moments(space: ClassSpace) -> ScoreMoments:
    """Return the moments of every class of the image model, once and alone, in a space."""
    if isinstance(space, HeardSpace):
        return Moments.of(space.table.weights[space.table.audible])
    return ClassMoments()
