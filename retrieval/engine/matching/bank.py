"""Banks: reference photos, by which a recording's score for one photo is standardised.

A recording with a nearly uniform distribution scores badly for no photo. Whether a score is high
*for this recording* shows only in comparison with its scores for many photos. The mean and the
covariance of those photos' distributions suffice, so no photo is stored.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.errors import EngineError
from retrieval.engine.spaces.space import ClassSpace, HeardSpace

CLASSES: Final = "classes"
MIN_DEVIATION: Final = 0.01
"""In nats. With a smaller deviation, a recording scores all photos alike except for rounding."""

_DIGEST_DIGITS: Final = 12
_CHUNK: Final = 500


class ClassMoments:
    """Moments over the bank of all one-hot distributions, without their covariance matrix."""

    def of_scores(self, log_row: NDArray[np.float64]) -> tuple[float, float]:
        """Return mean and deviation of ``log q``, in nats: each entry is a one-hot photo's score.

        The deviation is at least `MIN_DEVIATION`.
        """
        return float(log_row.mean()), max(float(log_row.std()), MIN_DEVIATION)


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean [shape=(k,)] and population covariance [shape=(k, k)] of photos' distributions."""

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]

    @classmethod
    def of(cls, distributions: Iterable[NDArray[np.float64]]) -> Moments:
        """Return the moments of at least two distributions, float64 [shape=(k,)] each.

        They are read one chunk at a time. Deviations are summed about the first distribution, so
        that no precision is lost where all are close together.

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
        r"""Return mean and standard deviation over the bank of the scores :math:`p \cdot b`.

        :math:`\mu = \bar p \cdot b` and :math:`\sigma^2 = b^\top C\, b`: exactly the moments of the
        scores themselves.

        Parameters
        ----------
        log_row : float64 [shape=(k,)]
            ``b = log q`` of the recording, in nats.

        Returns
        -------
        tuple of float
            Mean and deviation, in nats; the deviation is at least `MIN_DEVIATION`, so that a
            uniform recording, which scores the same for every photo, has a standard score of 0.
        """
        mean = float(self.mean @ log_row)
        variance = max(0.0, float(log_row @ self.covariance @ log_row))
        return mean, max(math.sqrt(variance), MIN_DEVIATION)


ScoreMoments = ClassMoments | Moments


@dataclass(frozen=True, eq=False)
class Bank:
    """The moments of a bank in each space, loaded when first needed.

    Attributes
    ----------
    version : str
        Identifies the bank's content, e.g. ``classes@3f2a...`` or ``photos-2@9b1c...``; stored
        with every run.
    versions : mapping of str to str
        Version in each space, by the space's name: a bank of photos may cover only some spaces;
        the others use the classes.
    load : callable
        Returns the moments by the space's name.
    """

    version: str
    versions: Mapping[str, str]
    load: Callable[[], Mapping[str, ScoreMoments]]

    @cached_property
    def moments(self) -> Mapping[str, ScoreMoments]:
        """Moments by the space's name."""
        return self.load()


def classes_bank(spaces: Sequence[ClassSpace]) -> Bank:
    """Return the bank that needs no photo: a one-hot distribution of each image class.

    In the space `heard`, each audible class counts with its row of the table; mute classes are
    left out.
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
    """Return the moments of the bank of classes in one space; see `classes_bank`."""
    if isinstance(space, HeardSpace):
        return Moments.of(space.table.weights[space.table.audible])
    return ClassMoments()
