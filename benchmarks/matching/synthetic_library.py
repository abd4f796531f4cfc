"""Synthetic libraries of any size that look like the real one.

Real profiles differ in few directions: of the variance of SoundNet's ``log q`` over the 432 shared
recordings, ten principal components hold 95 %; of that of YAMNet's log odds, 86 %. So do the
differences between takes of one source (163 takes of 67 sources): two classes correlate by 0.47 to
0.50 on average. A library with noise independent for each class would resemble no real one, so the
noise is drawn along the library's components.

Let ``x`` be the ``log q`` of `objects` and the log odds of the scores of `heard`, each divided by
the root of its total variance; ``m`` its mean, ``v_k`` its principal components over the real
library and ``s_k`` the standard deviations along them. A synthetic clip is

    x = m + sum_k v_k (sqrt((1 - g_k) / c) y_k + sqrt(g_k) s_k t z_k) + e

- ``y`` is a mixture in log space of `PARTS` real recordings' ``x - m``, with weights from
  Dirichlet(`CONCENTRATION`): usually one has most of the weight. ``c`` is the expectation of the
  sum of squared weights.
- ``g_k = min(1, 0.22 k^(1/3))`` is the variance between takes of one source along the component of
  rank ``k``, as a share of the library's. Measured: 0.17 to 0.38 up to the fifth component, 0.24 to
  0.39 up to the twelfth, then 0.53 (to 20), 0.65 (30), 0.72 (50), 0.81 (80), and 0.95 to 1.13.
- ``z`` is standard normal; ``t`` is a scale of the whole clip, log-normal with deviation `SPREAD`
  and mean square 1, as takes differ by more than normally distributed ones would: their kurtosis
  is 4.0 in the first five components, 3.3 in the next fifteen, 3.2 up to the hundredth.
- ``e`` is independent for each class, with the deviations `RESIDUAL` that recordings of some
  sources have outside all components of the others. Its classes correlate by 0.1, by chance 0.05.

The factor of ``y`` keeps the variance along every component that of the real library (smoothed
bootstrap with the variance corrected: Silverman, "Density estimation", 1986, section 6.4). Then
``q`` of `objects` is scaled to 1. The log odds of `heard` are shifted until the scores of a clip
sum to the geometric mean of its parts' sums: real recordings have some sound with a score near 1,
so 90 % of the sums lie within 2.7 and 8.6; without the shift within 0.6 and 16. The profile is made
from the scores as by `HeardSpace.clip_profile`, so it keeps the flat floor of real ones.

A synthetic library of the real one's size, in comparison (median over clips, or over 240 queries
from real photos and crops of them):

===========================================  ==========  ===========
                                             real        synthetic
===========================================  ==========  ===========
``log q`` of `objects`: deviation            1.37        1.36 - 1.40
variance in 10 components                    0.95        0.94 - 0.95
entropy of a clip, nats                      6.11        6.18
root mean square distance to the nearest     0.35        0.51 - 0.53
``log q`` of `heard`: deviation              0.71        0.73 - 0.74
root mean square distance to the nearest     0.32        0.42
deviation of the scores of ``paper``         0.84        0.80 - 0.86
their maximum, deviations above the mean     1.78        1.76 - 1.90
its distance from the tenth, nats            0.34        0.34 - 0.39
deviation of the scores of ``fused``         0.54        0.53 - 0.55
their maximum, deviations above the mean     3.18        2.77 - 2.82
its distance from the tenth, nats            0.36        0.33 - 0.35
===========================================  ==========  ===========

Synthetic clips are farther from their nearest than real ones, of which some are takes of one
source: an index finds fewer groups of similar clips than it would in a real library.

The clips from ``i CHUNK`` to ``(i + 1) CHUNK`` depend on the seed and ``i`` alone, so a library is
the beginning of every larger one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.matching.bank import MIN_DEVIATION
from retrieval.engine.matching.sound_matcher import ANYWHERE_FLOOR, MAX_ODDNESS
from retrieval.engine.spaces.space import EVEN_EVIDENCE
from retrieval.engine.vocabulary.heard_there import load_heard_there
from retrieval.engine.vocabulary.labels import load_vocabulary
from retrieval.engine.vocabulary.sounds import SPEECH, TOO_GENERAL

CHUNK: Final = 4096
PARTS: Final = 3
CONCENTRATION: Final = 0.3
SPREAD: Final = 0.25
RESIDUAL: Final = (0.08, 0.26)
"""Of ``log q`` of `objects`, in nats, and of the log odds of `heard`."""

FLOOR: Final = 1e-9
LEAST_SCORE: Final = 1e-6
"""Smaller scores change no profile: the even share of a sound is 0.006."""

COLUMNS: Final = {"paper": 1000, "sounds": 521, "fused": 1524}

_THREADS: Final = 2
_STEPS: Final = 5

Array = NDArray[np.floating[Any]]
Array32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Profiles:
    """Distributions of recordings, one row each: `objects` [shape=(n, 1000)] and `heard` (521)."""

    objects: Array
    heard: Array


class SyntheticLibrary:
    """Draws synthetic profiles from real ones, as the module describes.

    Parameters
    ----------
    real : Profiles
        At least two recordings; the constants are measured on the shared library.
    seed : int
        Not negative.
    """

    def __init__(self, real: Profiles, *, seed: int) -> None:
        self._seed = seed
        self._classes = real.objects.shape[1]
        scores = _scores(real.heard)
        self._log_sums = np.log(scores.sum(axis=1))
        spaces = (np.log(real.objects), _log_odds(scores))
        sizes = [one.shape[1] for one in spaces]
        scale = np.repeat([np.sqrt(one.var(axis=0).sum()) for one in spaces], sizes)
        both = np.hstack(spaces) / scale
        centre = both.mean(axis=0)
        left, singular, right = np.linalg.svd(both - centre, full_matrices=False)
        of_takes = np.minimum(1.0, 0.22 * np.cbrt(np.arange(1, singular.size + 1)))
        squares = (1 + CONCENTRATION) / (1 + PARTS * CONCENTRATION)
        kept = np.sqrt((1 - of_takes) / squares)
        self._places = (left * singular * kept).astype(np.float32)
        self._noise = (np.sqrt(of_takes / len(both)) * singular).astype(np.float32)
        self._components = (right * scale).astype(np.float32)
        self._centre = (centre * scale).astype(np.float32)
        self._residual = np.repeat(np.array(RESIDUAL, dtype=np.float32), sizes)

    def chunk(self, number: int, *, heard: bool = True) -> Profiles:
        """Return clips ``number CHUNK`` to ``(number + 1) CHUNK``, excluded, in float32.

        Without `heard`, that space is left empty; `objects` stays the same.
        """
        rng = np.random.default_rng([self._seed, number])
        weights = rng.dirichlet(np.full(PARTS, CONCENTRATION), CHUNK).astype(np.float32)
        parts = rng.integers(0, len(self._places), (CHUNK, PARTS))
        places = np.einsum("cp,cpk->ck", weights, self._places[parts])
        scale = np.exp(SPREAD * rng.standard_normal((CHUNK, 1)) - SPREAD**2).astype(np.float32)
        places += scale * self._noise * rng.standard_normal(places.shape, np.float32)
        things = _softmax(self._values(places, slice(self._classes), rng))
        if not heard:
            return Profiles(things, np.empty((CHUNK, 0), np.float32))
        sums = np.exp((weights * self._log_sums[parts]).sum(axis=1, keepdims=True))
        log_odds = self._values(places, slice(self._classes, None), rng)
        return Profiles(things, _profiles_of_scores(_scores_with_sums(log_odds, sums)))

    def _values(self, places: Array32, classes: slice, rng: np.random.Generator) -> Array32:
        values: Array32 = places @ self._components[:, classes]
        values += self._centre[classes]
        values += self._residual[classes] * rng.standard_normal(values.shape, np.float32)
        return values


def synthetic_rows(
    real: Profiles, clips: int, seed: int, *, matcher: str = "paper", out: Array32 | None = None
) -> Array32:
    """Return the rows ``b`` of a synthetic library.

    Parameters
    ----------
    clips : int
        Their number, at least 1.
    matcher : str
        ``paper``; ``fused``, also the rows of the matcher ``heard``; or ``sounds``: ``log q`` of
        the space `heard` alone.
    out : float32 [shape=(clips, columns)], optional
        Where to write them, for example a memory-mapped file. Less than 1 GiB is needed besides.

    Returns
    -------
    float32 [shape=(clips, columns)]
        Columns by matcher: see `COLUMNS`.
    """
    rows = np.empty((clips, COLUMNS[matcher]), dtype=np.float32) if out is None else out
    for start, part in synthetic_chunks(real, clips, seed, matcher=matcher):
        rows[start : start + len(part)] = part
    return rows


def synthetic_chunks(
    real: Profiles, clips: int, seed: int, *, matcher: str
) -> Iterator[tuple[int, Array32]]:
    """Yield the first position and the rows of each chunk of clips; see `synthetic_rows`."""
    library, make = SyntheticLibrary(real, seed=seed), _ROWS[matcher]

    def rows(start: int) -> Array32:
        return make(library.chunk(start // CHUNK, heard=matcher != "paper"))

    with ThreadPoolExecutor(_THREADS) as pool:
        for first in range(0, clips, _THREADS * CHUNK):  # no more at once: memory
            starts = range(first, min(clips, first + _THREADS * CHUNK), CHUNK)
            for start, part in zip(starts, pool.map(rows, starts), strict=True):
                yield start, part[: clips - start]


def paper_rows(profiles: Profiles) -> Array32:
    """Return the rows of `PaperMatcher` in the space `objects`."""
    return np.log(profiles.objects).astype(np.float32)


def sounds_rows(profiles: Profiles) -> Array32:
    """Return ``log q`` of the space `heard`."""
    return np.log(profiles.heard).astype(np.float32)


def fused_rows(profiles: Profiles) -> Array32:
    """Return the rows of `SoundMatcher` with the bank of classes, as by its method `row`."""
    log_things = np.log(profiles.objects, dtype=np.float64)
    mean = log_things.mean(axis=1, keepdims=True)
    deviation = np.maximum(log_things.std(axis=1, keepdims=True), MIN_DEVIATION)
    telling = deviation > MIN_DEVIATION
    positions = load_vocabulary("audioset").positions
    speech = profiles.heard[:, positions(SPEECH)].sum(axis=1, keepdims=True)
    anywhere = load_heard_there().anywhere + ANYWHERE_FLOOR
    rarity = np.log(anywhere.max() / anywhere)
    rarity[positions(TOO_GENERAL)] = 0.0
    odd = np.minimum(MAX_ODDNESS, _scores(profiles.heard) @ rarity)[:, np.newaxis]
    things = np.where(telling, np.hstack([log_things, -mean]) / deviation, 0.0)
    return np.hstack([things, np.log(profiles.heard), -speech, -odd]).astype(np.float32)


_ROWS: Final[Mapping[str, Callable[[Profiles], Array32]]] = {
    "paper": paper_rows, "sounds": sounds_rows, "fused": fused_rows,
}  # fmt: skip


def _softmax(logs: Array) -> Array:
    """Return distributions with the floor of the space `objects`."""
    odds = np.exp(logs - logs.max(axis=1, keepdims=True))
    raised = np.maximum(odds / odds.sum(axis=1, keepdims=True), FLOOR)
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def _scores(heard: Array) -> Array:
    """Return the scores of profiles, as `HeardSpace.scores`."""
    even = EVEN_EVIDENCE / heard.shape[1]
    scores = heard * (even / heard.min(axis=1, keepdims=True)) - even
    return np.asarray(np.clip(scores, 0.0, 1.0))


def _profiles_of_scores(scores: Array) -> Array:
    """Return the profiles of scores, as `HeardSpace.clip_profile`."""
    evidence = scores + EVEN_EVIDENCE / scores.shape[1]
    return np.asarray(evidence / evidence.sum(axis=1, keepdims=True))


def _scores_with_sums(log_odds: Array, sums: Array) -> Array:
    """Return scores, their log odds shifted by clip so that they sum nearly to `sums`."""
    shift = np.zeros_like(sums)
    for _ in range(_STEPS):
        scores = 1 / (1 + np.exp(-log_odds - shift))
        shift += np.log(sums / scores.sum(axis=1, keepdims=True))
    return np.asarray(1 / (1 + np.exp(-log_odds - shift)))


def _log_odds(scores: Array) -> Array:
    bounded = np.clip(scores, LEAST_SCORE, 1 - LEAST_SCORE)
    return np.asarray(np.log(bounded) - np.log1p(-bounded))
