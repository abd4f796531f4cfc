"""Calibrate the strength of matches: `python -m benchmarks.strength`.

Fits, by logistic regression, how probably a match is good, on imagined photos of graded classes and
on the sample photos with crops of them. Every figure is cross-validated: classes with the same
grades, and crops of one photo, are never on both sides. Prints the weights for
`retrieval/engine/matching/strength.py`, and the grades of first results by strength.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import mannwhitneyu

from benchmarks.retrieval_choices import HOP_S, Array, Library, class_truth
from retrieval.catalogue.benchmark_truth import load_truth
from retrieval.engine.matching.evaluation import TrueGrade
from retrieval.engine.matching.length import longer_first
from retrieval.engine.matching.recipes import SOUND_MATCHERS, matcher_named
from retrieval.engine.matching.sound_matcher import SoundMatcher
from retrieval.engine.matching.strength import FIT_FROM, Evidence, Strength
from retrieval.engine.networks.mobilenet import MobileNetClassifier
from retrieval.engine.photos.images import photo_views
from retrieval.engine.ranking.ranker import RankedClip
from retrieval.engine.spaces.audio_scores import AudioScores
from retrieval.engine.spaces.space import heard, objects
from retrieval.engine.vocabulary.heard_there import load_heard_there
from retrieval.engine.vocabulary.labels import load_vocabulary
from soundscape_site.settings.paths import SHARED_DIR, VAR_DIR

RANKS: Final = 3
FOLDS: Final = 8
CROPS: Final = 8
IMAGINED: Final = 2  # photos of each class
WEIGHT_OF_HOPELESS: Final = 0.4
"""Weight of an imagined photo that no recording fits: most visitors send sceneries."""

PENALTY: Final = 3.0  # of squared standardised weights
NEVER_NEGATIVE: Final = {"explained", "detected", "audible", "things"}

OLD_EXPLAINED: Final = (0.2, 0.4, 0.55)
OLD_STANDARD: Final = 0.5


@dataclass(frozen=True)
class Photo:
    """A photo or an imagined one: views [shape=(n, 1000)], grades by recording, what it shares."""

    kind: str
    group: str
    views: Array
    grades: list[TrueGrade]


def imagined(truth_paths: list[str], mean: Array) -> Iterator[Photo]:
    """Imagine photos of each graded class: 10 to 90 % of it, the rest of its scenery or anything.

    The part of the scenery is drawn from the classes of the same scenery group.
    """
    truth, table, rng = class_truth(), load_heard_there(), np.random.default_rng(1)
    vocabulary = load_vocabulary("imagenet")
    sceneries = np.array([entry.scenery.value for entry in table.entries])
    for _ in range(IMAGINED):
        for wnid in truth.photos:
            index = vocabulary.by_key(wnid).index
            share, rest = rng.uniform(0.1, 0.9), rng.dirichlet([2.0, 1.0, 0.5])
            alike = np.flatnonzero(sceneries == sceneries[index])
            near = np.zeros(len(vocabulary))
            near[alike] = rng.dirichlet(np.full(alike.size, 0.05))
            anything = rng.dirichlet(np.full(len(vocabulary), 0.005))
            view = share * np.eye(len(vocabulary))[index]
            view += (1 - share) * (rest @ np.stack([near, anything, mean]))
            group = str(sorted(truth.grades[wnid].items()))
            yield Photo("imagined", group, view[np.newaxis], truth.grades_of(wnid, truth_paths))


def photographed(paths: list[str]) -> Iterator[Photo]:
    """Classify the sample photos and crops of them; those without a scenery have no good match."""
    classifier, truth = MobileNetClassifier(VAR_DIR / "models"), load_truth()
    for file in sorted((SHARED_DIR / "photos").rglob("*.png")):
        image, rng = Image.open(file).convert("RGB"), np.random.default_rng(len(file.name))
        width, height = image.size
        for crop in range(CROPS + 1):
            part = image
            if crop:
                scale = rng.uniform(0.55, 0.9)
                w, h = int(width * scale), int(height * scale)
                x, y = int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1))
                part = image.crop((x, y, x + w, y + h))
            views = np.asarray(classifier.classify(photo_views(part, 224)))
            kind = "crops" if crop else "photos"
            yield Photo(kind, file.name, views, truth.grades_of(file.name, paths))


@dataclass(frozen=True)
class Matches:
    """The first matches of all photos, one row each."""

    evidence: Array
    good: NDArray[np.bool_]
    group: NDArray[np.intp]
    kind: NDArray[np.str_]
    matcher: NDArray[np.str_]
    rank: NDArray[np.int_]
    weight: Array
    standard: Array

    def first(self, matcher: str, *kinds: str) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = (self.rank == 0) & (self.matcher == matcher)
        return found & np.isin(self.kind, kinds)


def matches_of(library: Library, photos: list[Photo]) -> Matches:
    """Rank as a search does, and collect the evidence for the first matches."""
    sounds, things = heard(), objects(whole=True)
    clips = []
    for scores, log_things in zip(library.scores, library.log_things, strict=True):
        starts_s = [HOP_S * place for place in range(len(scores))]
        windows = sounds.stored_windows(AudioScores(scores.astype(np.float32), starts_s)).windows
        clips.append(
            {
                sounds.name: sounds.clip_profile(windows),
                things.name: things.clip_profile(np.exp(log_things)),
            }
        )
    durations_s = dict(enumerate(library.durations_s))
    groups = {group: number for number, group in enumerate({photo.group for photo in photos})}
    rows = []
    for name in SOUND_MATCHERS:
        matcher = cast("SoundMatcher", matcher_named(name))
        index = np.stack([matcher.row(clip) for clip in clips]).astype(np.float64)
        logs = [matcher.log_rows(clip) for clip in clips]
        means = {key: np.mean([log[key] for log in logs], axis=0) for key in logs[0]}
        bank = matcher.bank.moments[sounds.name]
        for photo in photos:
            scene = matcher.scene(photo.views)
            scores = index @ matcher.query(scene)
            ranked = [RankedClip(int(at), float(scores[at])) for at in np.argsort(-scores)[:60]]
            best = [one.clip_id for one in longer_first(ranked, durations_s)[:RANKS]]
            found = matcher.evidence(scene, [clips[at] for at in best], library_mean_log_rows=means)
            hopeless = photo.kind == "imagined" and TrueGrade.GOOD not in photo.grades
            for rank, (at, evidence) in enumerate(zip(best, found, strict=True)):
                log_q = logs[at][sounds.name]
                mean, deviation = bank.of_scores(log_q)
                standard = (float(scene[sounds.name].values @ log_q) - mean) / deviation
                rows.append(
                    (
                        astuple(evidence), photo.grades[at] == TrueGrade.GOOD, groups[photo.group],
                        photo.kind, name, rank, WEIGHT_OF_HOPELESS if hopeless else 1.0, standard,
                    )
                )  # fmt: skip
    return Matches(*(np.array(column) for column in zip(*rows, strict=True)))


def fit(evidence: Array, good: NDArray[np.bool_], weight: Array) -> tuple[float, Array]:
    """Return intercept and weights of the penalised logistic regression."""
    mean, deviation = evidence.mean(axis=0), evidence.std(axis=0)
    columns = (evidence - mean) / deviation

    def loss(values: Array) -> tuple[float, Array]:
        total = values[0] + columns @ values[1:]
        wrong = weight * (expit(total) - good)
        cost = (weight * (np.logaddexp(0, total) - good * total)).sum()
        slope = columns.T @ wrong + PENALTY * values[1:]
        return cost + PENALTY / 2 * (values[1:] ** 2).sum(), np.r_[wrong.sum(), slope]

    bounds = [(0 if one.name in NEVER_NEGATIVE else None, None) for one in fields(Evidence)]
    values = minimize(
        loss, np.zeros(columns.shape[1] + 1), jac=True, bounds=[(None, None), *bounds]
    ).x
    weights = values[1:] / deviation
    return float(values[0] - weights @ mean), weights


def cross_validated(matches: Matches) -> Array:
    """Return how probably each match is good, by a regression on other groups."""
    names, sizes = np.unique(matches.group, return_counts=True)
    fold_of, filled = {}, np.zeros(FOLDS)
    for at in np.argsort(-sizes, kind="stable"):
        fold_of[names[at]] = int(filled.argmin())
        filled[filled.argmin()] += sizes[at]
    fold = np.array([fold_of[group] for group in matches.group])
    found = np.zeros(len(fold))
    for one in range(FOLDS):
        here = fold == one
        intercept, weights = fit(
            matches.evidence[~here], matches.good[~here], matches.weight[~here]
        )
        found[here] = expit(intercept + matches.evidence[here] @ weights)
    return found


def area(values: Array, good: NDArray[np.bool_]) -> float:
    wins = mannwhitneyu(values[good], values[~good]).statistic
    return float(wins / (good.sum() * (~good).sum()))


def show(name: str, words: NDArray[np.int_], values: Array, good: NDArray[np.bool_]) -> None:
    """Print for each word its number of photos and the share of good ones, and the area."""
    cells = [
        f"{word} {good[words == at].mean():.2f} ({(words == at).sum()})"
        if (words == at).any()
        else f"{word} - (0)"
        for at, word in enumerate(Strength)
    ]
    print(f"  {name:<8}{', '.join(cells)}; area {area(values, good):.2f}")


def main() -> None:
    library = Library(VAR_DIR / "models")
    photos = list(photographed(library.paths))
    mean = np.mean([one.views[0] for one in photos if one.kind == "photos"], axis=0)
    photos += imagined(library.paths, mean)
    matches = matches_of(library, photos)
    found = cross_validated(matches)
    explained = matches.evidence[:, 0]
    before = np.where(matches.standard < OLD_STANDARD, 0, np.digitize(explained, OLD_EXPLAINED))
    after = np.digitize(found, list(FIT_FROM.values()))
    for matcher in SOUND_MATCHERS:
        for kinds in (("photos",), ("crops",), ("imagined",), ("photos", "crops", "imagined")):
            here = matches.first(matcher, *kinds)
            print(f"first result by {matcher}, {' and '.join(kinds)}, {here.sum()}")
            show("before", before[here], explained[here], matches.good[here])
            show("after", after[here], found[here], matches.good[here])
    intercept, weights = fit(matches.evidence, matches.good, matches.weight)
    print(f"intercept {intercept:.3f}")
    for one, weight in zip(fields(Evidence), weights, strict=True):
        print(f"{one.name} {weight:.3f}")


if __name__ == "__main__":
    main()
