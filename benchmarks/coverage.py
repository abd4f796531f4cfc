"""Simulate how often the 95 % intervals of shares cover: `python -m benchmarks.coverage`.

Each replication makes photos with outcomes, of which a sample is drawn as a campaign draws it. The
truth is the share in an endless population of photos, in which the groups have the shares that they
have in the frame. Where graders err, it is the share that endlessly many decisions of such graders
would give, which is not the share of pairs that are good; the table shows both.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import heading
from labelling.sampling import stratified_sample
from labelling.shares import share

TRUE_SHARES: Final = (0.3, 0.6, 0.9)
SIZES: Final = (100, 200, 500)
LOWEST, HIGHEST = 0.93, 0.97
SAMPLES: Final = 100
OUTCOMES: Final = 50
"""How many times the outcomes of each sample are simulated."""
REPLICATIONS: Final = SAMPLES * OUTCOMES

CORRELATION: Final = 0.4
"""Of the outcomes of two pairs of a photo."""
ERRORS: Final = 0.15
"""Share of a grader's grades that are replaced by one of the two others."""
GROUPS: Final = np.repeat(np.arange(5), [11, 5, 2, 1, 1])
"""Scenery groups of each 20 photos: unequal strata."""
EASE: Final = np.array([0.4, -0.2, -0.8, -1.4, -0.4])
"""Difference of a group's share from the mean over the variance of the outcome; 0 on average."""

GOOD, DECENT, BAD = range(3)

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Design:
    """A way to draw pairs and to grade them; each photo has pairs at `ranks` ranks."""

    name: str
    strata: str = "none"
    ranks: int = 1
    errors: float = 0.0
    half: bool = False


DESIGNS: Final = (
    Design("simple, one pair a photo"),
    Design("strata: scenery groups", "groups"),
    Design("ranks 1 to 3", ranks=3),
    Design("strata: ranks 1 to 3", "ranks", ranks=3),
    Design("two graders or more", errors=ERRORS),
    Design("groups, ranks, graders", "groups", ranks=3, errors=ERRORS),
    Design("the same, half of the photos", "groups", ranks=3, errors=ERRORS, half=True),
)


class Frame:
    """The units that a sample is drawn from: photos at ranks."""

    def __init__(self, design: Design, size: int) -> None:
        photos = size // 2 if design.ranks > 1 else 2 * size
        self.photo, rank = np.divmod(np.arange(photos * design.ranks), design.ranks)
        group = GROUPS[self.photo % len(GROUPS)]
        self.strata = {"none": 0 * rank, "groups": group, "ranks": rank}[design.strata]
        self.ease = EASE[group] if design.strata == "groups" else 0.0 * rank

    def true_grades(self, p: float, generator: np.random.Generator) -> Integers:
        """Return grades [shape=(outcomes, units)] of which the share `p` is good."""
        of_photo = generator.random((OUTCOMES, len(self.photo)))[:, self.photo]
        own, common = generator.random((2, *of_photo.shape))
        good = np.where(common < sqrt(CORRELATION), of_photo, own) < p + self.ease * p * (1 - p)
        return np.where(good, GOOD, generator.integers(DECENT, BAD + 1, good.shape))


def decided(grades: Integers) -> Integers:
    """Return decisions from grades of two graders, a third and a lead [shape=(4, ...)].

    A third grades if the two differ, and the lead decides if that gives no majority or good stands
    against bad.
    """
    first, second, third, lead = grades
    majority = np.where((third == first) | (third == second), third, -1)
    against = (grades[:3] == GOOD).any(axis=0) & (grades[:3] == BAD).any(axis=0)
    return np.where(first == second, first, np.where((majority < 0) | against, lead, majority))


def graded(truth: Integers, errors: float, generator: np.random.Generator) -> Integers:
    """Return four graders' grades, each wrong with the probability `errors`."""
    shape = (4, *truth.shape)
    wrong = generator.random(shape) < errors
    return (truth + wrong * generator.integers(1, 3, shape)) % 3


def limit(p: float, errors: float) -> float:
    """Return the share of good decisions from endlessly many pairs and graders."""
    mistakes = np.array(list(product(range(3), repeat=4))).T
    chance = np.where(mistakes == 0, 1 - errors, errors / 2).prod(axis=0)
    good = [float(chance[decided((grade + mistakes) % 3) == GOOD].sum()) for grade in range(3)]
    return p * good[GOOD] + (1 - p) / 2 * (good[DECENT] + good[BAD])


def covered(design: Design, size: int, p: float) -> tuple[float, float]:
    """Return how often the interval covers, and its mean width."""
    generator = np.random.default_rng([size, int(10 * p)])
    size *= 2 if design.half else 1
    frame, truth = Frame(design, size), limit(p, design.errors)
    hits, widths = 0, 0.0
    for seed in range(SAMPLES):
        sample = stratified_sample(frame.strata.tolist(), size, seed)
        chosen = sample.chosen
        grades = decided(graded(frame.true_grades(p, generator), design.errors, generator))
        good = np.where(design.half & (frame.photo % 2 == 1), np.nan, grades == GOOD)[:, chosen]
        weights = 1 / sample.probability[chosen]
        clusters, strata = frame.photo[chosen], frame.strata[chosen]
        for outcome in good:
            found = share(outcome, weights=weights, clusters=clusters, strata=strata)
            if found is not None:
                hits += found.lower <= truth <= found.upper
                widths += found.upper - found.lower
    return hits / REPLICATIONS, widths / REPLICATIONS


def main() -> None:
    """Print a table; exit with an error if a cell is outside of the bounds."""
    error = sqrt(0.95 * 0.05 / (REPLICATIONS))
    heading(f"Coverage of 95 % intervals, {REPLICATIONS} replications a cell, +- {error:.2%}")
    outside = 0
    for design, p in product(DESIGNS, TRUE_SHARES):
        cells = [covered(design, size, p) for size in SIZES]
        outside += sum(not LOWEST <= coverage <= HIGHEST for coverage, _ in cells)
        texts = [f"n={size} {coverage:6.2%} (width {width:.3f})" for size, (coverage, width)
                 in zip(SIZES, cells, strict=True)]  # fmt: skip
        print(f"{design.name:<29}good {p:.0%}, covered {limit(p, design.errors):6.2%}  ",
              "  ".join(texts), flush=True)  # fmt: skip
    if outside:
        raise SystemExit(f"{outside} cells are outside of {LOWEST:.0%} to {HIGHEST:.0%}")


if __name__ == "__main__":
    main()
