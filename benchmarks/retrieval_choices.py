"""What each choice in matching is worth: `python -m benchmarks.retrieval_choices`.

Listens to the shared library and looks at the shared photos with the real models, then ranks by
the recipes compared, on two truth tables: the sample photos that show a scenery, and single
classes of the image model, each as the main part of an imagined photo. The recipe in force stands
first; every other row changes one thing.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from PIL import Image

from retrieval.catalogue.benchmark_truth import TRUTH_FOLDER, load_truth
from retrieval.engine.matching.bank import ClassMoments, Moments
from retrieval.engine.matching.evaluation import MEASURES, Grade, measure
from retrieval.engine.matching.recipes import ODDNESS_PENALTY, SPEECH_PENALTY, THINGS_BESIDE_SOUNDS
from retrieval.engine.matching.sound_matcher import (
    LEAST_ANYWHERE,
    MOST_ODDNESS,
    PEOPLE,
    PEOPLE_SHARE,
)
from retrieval.engine.matching.strength import Strength, strength_by_sounds
from retrieval.engine.networks.mobilenet import MobileNetClassifier
from retrieval.engine.networks.soundnet import SoundNetClassifier
from retrieval.engine.networks.yamnet import HOP_SAMPLES, SAMPLE_RATE_HZ, YamnetClassifier
from retrieval.engine.photos.images import photo_views
from retrieval.engine.spaces.audio_scores import AudioScores
from retrieval.engine.spaces.space import EVEN_EVIDENCE
from retrieval.engine.spaces.space import heard as heard_space
from retrieval.engine.vocabulary.heard_there import load_heard_there
from retrieval.engine.vocabulary.labels import load_vocabulary
from retrieval.engine.vocabulary.sounds import SPEECH, TOO_GENERAL
from soundscape_site.settings.paths import SHARED_DIR, VAR_DIR

Array = NDArray[np.float64]

HOP_S = HOP_SAMPLES / SAMPLE_RATE_HZ
ENTROPY_FLOOR = 1e-12


@dataclass(frozen=True)
class Recipe:
    """One way to match; the defaults are those in force."""

    name: str
    every: int = 1
    pooling: str = "moments"
    smoothing: float = EVEN_EVIDENCE
    normalised: bool = True
    views: str = "all"
    mute: str = "left out"
    centring: float = 0.0
    standardised: bool = False
    reverse: float = 0.0
    independent: bool = False
    things: float = THINGS_BESIDE_SOUNDS
    things_when_mute: float = 0.0
    anywhere: str = "sceneries"
    most_oddness: float = MOST_ODDNESS
    things_standardised: bool = True
    speech_penalty: float = SPEECH_PENALTY
    oddness_penalty: float = ODDNESS_PENALTY


IN_FORCE = Recipe("fused, as it is in force")
RECIPES = (
    IN_FORCE,
    replace(
        IN_FORCE, name="heard, as it is in force", things=0.0, things_when_mute=THINGS_BESIDE_SOUNDS
    ),
    replace(IN_FORCE, name="no things at all", things=0.0),
    replace(IN_FORCE, name="things not standardised", things_standardised=False),
    replace(IN_FORCE, name="things 0.1", things=0.1),
    replace(IN_FORCE, name="things 1", things=1.0),
    replace(IN_FORCE, name="windows end to end", every=2),
    replace(IN_FORCE, name="mean over time", pooling="mean"),
    replace(IN_FORCE, name="maximum over time", pooling="maximum"),
    replace(IN_FORCE, name="half mean, half maximum", pooling="mixture"),
    replace(IN_FORCE, name="best moment", pooling="best moment"),
    replace(IN_FORCE, name="smoothing 0.3", smoothing=0.3),
    replace(IN_FORCE, name="smoothing 1", smoothing=1.0),
    replace(IN_FORCE, name="smoothing 10", smoothing=10.0),
    replace(IN_FORCE, name="scores not normalised", normalised=False),
    replace(IN_FORCE, name="independent events", independent=True),
    replace(IN_FORCE, name="centre of the photo only", views="centre"),
    replace(IN_FORCE, name="whole photo only", views="whole"),
    replace(IN_FORCE, name="mute mass to the mean of the table", mute="mean"),
    replace(IN_FORCE, name="sounds centred by half", centring=0.5),
    replace(IN_FORCE, name="sounds centred", centring=1.0),
    replace(IN_FORCE, name="sounds standardised", centring=1.0, standardised=True),
    replace(IN_FORCE, name="with reverse entropy 0.3", reverse=0.3),
    replace(IN_FORCE, name="with reverse entropy 1", reverse=1.0),
    replace(IN_FORCE, name="no penalty for speech", speech_penalty=0.0),
    replace(IN_FORCE, name="twice the penalty for speech", speech_penalty=2 * SPEECH_PENALTY),
    replace(IN_FORCE, name="no penalty for oddness", oddness_penalty=0.0),
    replace(IN_FORCE, name="half the penalty for oddness", oddness_penalty=ODDNESS_PENALTY / 2),
    replace(IN_FORCE, name="twice the penalty for oddness", oddness_penalty=ODDNESS_PENALTY * 2),
    replace(IN_FORCE, name="oddness not bounded", most_oddness=np.inf),
    replace(IN_FORCE, name="oddness over classes", anywhere="classes"),
)


@dataclass(frozen=True)
class Queries:
    """Photos as the image model sees them, and the grade of every recording for each."""

    views: dict[str, Array]
    grades: NDArray[np.int_]


class Library:
    """The shared recordings as both models hear them."""

    def __init__(self, models: Path) -> None:
        folder = SHARED_DIR / "library"
        with (folder / "library.csv").open(encoding="utf-8") as stream:
            self.paths = [row["path"] for row in csv.DictReader(stream)]
        yamnet, soundnet = YamnetClassifier(models), SoundNetClassifier(models)
        self.scores: list[Array] = []
        things = []
        for path in self.paths:
            samples, rate_hz = soundfile.read(folder / path, dtype="float32", always_2d=True)
            answers = []
            for model in (yamnet, soundnet):
                mono = soxr.resample(samples.mean(axis=1), rate_hz, model.sample_rate_hz, "HQ")
                starts = model.windowing.starts(len(mono))
                answers.append(model.classify_windows(model.windowing.cut(mono, starts)))
            self.scores.append(answers[0])
            things.append(answers[1].mean(axis=0))
        floored = np.maximum(np.stack(things), 1e-9)
        self.log_things = np.log(floored / floored.sum(axis=1, keepdims=True))

    def pooled(self, pooling: str, every: int) -> Array:
        return np.stack([_POOLINGS[pooling](scores[::every], every) for scores in self.scores])


def _moments(scores: Array, every: int) -> Array:
    hop_s = HOP_S * every
    hearing = AudioScores(
        scores.astype(np.float32), [hop_s * place for place in range(len(scores))]
    )
    return heard_space().remembered(hearing).windows.astype(np.float64)


def _best_moment(scores: Array, every: int) -> Array:
    moments = _moments(scores, every)
    best: Array = moments[moments.sum(axis=1).argmax()]
    return best


_POOLINGS: dict[str, Callable[[Array, int], Array]] = {
    "moments": lambda scores, every: _moments(scores, every).mean(axis=0),
    "mean": lambda scores, _: scores.mean(axis=0),
    "maximum": lambda scores, _: scores.max(axis=0),
    "mixture": lambda scores, _: (scores.mean(axis=0) + scores.max(axis=0)) / 2,
    "best moment": _best_moment,
}


def rank(recipe: Recipe, library: Library, queries: Queries) -> Array:
    """Return the score of every recording for every query."""
    table = load_heard_there()
    bank = table.weights[table.telling]
    seen = queries.views[recipe.views]
    heard = seen @ table.weights
    mass = telling = heard.sum(axis=1, keepdims=True)
    if recipe.mute == "mean":
        heard = heard + (1 - telling) * bank.mean(axis=0)
    heard = heard / heard.sum(axis=1, keepdims=True)
    scores = library.pooled(recipe.pooling, recipe.every)
    sounds = _sound_scores(recipe, heard, scores, Moments.of(bank))
    things = seen @ library.log_things.T
    if recipe.things_standardised:
        judged = np.array([ClassMoments().of_scores(row) for row in library.log_things])
        things = (things - judged[:, 0]) / judged[:, 1]
    weight = recipe.things + recipe.things_when_mute * (1 - mass)
    penalty = recipe.speech_penalty * _deserted(heard, seen) * _speech_share(scores)
    anywhere = table.anywhere if recipe.anywhere == "sceneries" else bank.mean(axis=0)
    oddness = np.minimum(_oddness(scores, anywhere), recipe.most_oddness)
    return np.asarray(mass * sounds + weight * things - penalty - recipe.oddness_penalty * oddness)


def _sound_scores(recipe: Recipe, heard: Array, scores: Array, bank: Moments) -> Array:
    if recipe.independent:
        clipped = np.clip(scores, 1e-3, 1 - 1e-3)
        odds = np.log(clipped) - np.log1p(-clipped)
        return np.asarray(heard @ odds.T + np.log1p(-clipped).sum(axis=1))
    evidence = scores + recipe.smoothing / scores.shape[1]
    shares = evidence / evidence.sum(axis=1, keepdims=True)
    logs = np.log(shares if recipe.normalised else evidence)
    judged = np.array([bank.of_scores(row) for row in logs])
    result = heard @ logs.T - recipe.centring * judged[:, 0]
    if recipe.standardised:
        result = result / judged[:, 1]
    if recipe.reverse:
        explained = np.log(0.7 * heard + 0.3 * bank.mean + ENTROPY_FLOOR)
        result = result + recipe.reverse * (
            explained @ shares.T - (shares * np.log(shares)).sum(axis=1)
        )
    return np.asarray(result)


def _deserted(heard: Array, seen: Array) -> Array:
    table, names = load_heard_there(), [label.name for label in load_vocabulary("audioset")]
    people = heard[:, [name in SPEECH | PEOPLE for name in names]].sum(axis=1)
    deserted = (seen @ table.natural) * np.maximum(0, 1 - people / PEOPLE_SHARE)
    return np.asarray(deserted[:, np.newaxis])


def _oddness(scores: Array, anywhere: Array) -> Array:
    names = [label.name for label in load_vocabulary("audioset")]
    odd = np.log((anywhere.max() + LEAST_ANYWHERE) / (anywhere + LEAST_ANYWHERE))
    return np.asarray(scores @ np.where([name in TOO_GENERAL for name in names], 0.0, odd))


def _speech_share(scores: Array) -> Array:
    names = [label.name for label in load_vocabulary("audioset")]
    evidence = scores + EVEN_EVIDENCE / scores.shape[1]
    shares = evidence / evidence.sum(axis=1, keepdims=True)
    return np.asarray(shares[:, [name in SPEECH for name in names]].sum(axis=1))


def photo_queries(library: Library, models: Path) -> Queries:
    eye, truth = MobileNetClassifier(models), load_truth()
    files = {path.name: path for path in (SHARED_DIR / "photos").rglob("*.png")}
    seen = [
        eye.classify(photo_views(Image.open(files[photo]).convert("RGB"), 224))
        for photo in truth.photos
    ]
    views = {
        "centre": np.stack([one[0] for one in seen]),
        "whole": np.stack([one[-1] for one in seen]),
        "all": np.stack([one.mean(axis=0) for one in seen]),
    }
    grades = np.array([truth.grades_of(photo, library.paths) for photo in truth.photos])
    return Queries(views, grades)


def class_queries(library: Library, photos: Queries) -> Queries:
    """Imagine a photo for each class: 60 % the class, 10 % the mean photo, the rest anything."""
    with (TRUTH_FOLDER / "classes.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    wnids = list(dict.fromkeys(row["wnid"] for row in rows))
    vocabulary = load_vocabulary("imagenet")
    rng = np.random.default_rng(1)
    mean, seen, grades = photos.views["centre"].mean(axis=0), [], []
    for wnid in wnids:
        certain = np.eye(len(vocabulary))[vocabulary.by_key(wnid).index]
        anything = rng.dirichlet(np.full(len(vocabulary), 0.01))
        seen.append(0.6 * certain + 0.1 * mean + 0.3 * anything)
        graded = {
            row["recordings"]: Grade[row["grade"].upper()] for row in rows if row["wnid"] == wnid
        }
        grades.append(
            [
                graded.get(path, graded.get(path.rpartition("/")[0], Grade.BAD))
                for path in library.paths
            ]
        )
    return Queries(dict.fromkeys(("centre", "whole", "all"), np.stack(seen)), np.array(grades))


def summary(scores: Array, grades: NDArray[np.int_]) -> list[float]:
    order = np.argsort(-scores, axis=1, kind="stable")
    values = [measure(row) for row in np.take_along_axis(grades, order, axis=1)]
    return [float(np.mean([one[key] for one in values if key in one])) for key in MEASURES]


def strengths(library: Library, queries: Queries) -> None:
    """Print how good the first five are by the share of the photo that they explain."""
    table = load_heard_there()
    order = np.argsort(-rank(IN_FORCE, library, queries), axis=1)[:, :5]
    grades = np.take_along_axis(queries.grades, order, axis=1).ravel()
    evidence = library.pooled(IN_FORCE.pooling, IN_FORCE.every) + IN_FORCE.smoothing / len(
        table.heard
    )
    logs = np.log(evidence / evidence.sum(axis=1, keepdims=True))
    heard = queries.views["all"] @ table.weights
    mass = heard.sum(axis=1, keepdims=True)
    heard = heard / mass
    entropy = (heard * np.log(heard + ENTROPY_FLOOR)).sum(axis=1, keepdims=True)
    share = mass * (1 - (entropy - heard @ logs.T) / (entropy + np.log(len(table.heard))))
    judged = np.array([Moments.of(table.weights[table.telling]).of_scores(row) for row in logs])
    standard = (heard @ logs.T - judged[:, 0]) / judged[:, 1]
    explained = np.take_along_axis(share, order, axis=1).ravel()
    standard = np.take_along_axis(standard, order, axis=1).ravel()
    words = np.array(
        [
            strength_by_sounds(explained=e, standard=z)
            for e, z in zip(explained, standard, strict=True)
        ]
    )
    for word in Strength:
        found = grades[words == word]
        if found.size:
            good, decent = (found == Grade.GOOD).mean(), (found >= Grade.DECENT).mean()
            print(f"  {word:<7}{found.size:5} pairs, good {good:.2f}, at least decent {decent:.2f}")
    for name, values in (("explained", explained), ("standard", standard)):
        print(f"  area under the curve for good: {name} {_area(values, grades == Grade.GOOD):.2f}")


def _area(values: Array, positive: NDArray[np.bool_]) -> float:
    """Return the probability that a positive has the larger value (Mann and Whitney)."""
    ones, others = values[positive], values[~positive]
    larger = (ones[:, np.newaxis] > others).mean() + 0.5 * (ones[:, np.newaxis] == others).mean()
    return float(larger)


def show(name: str, *results: Sequence[float]) -> None:
    cells = "  |".join("".join(f"{value:7.3f}" for value in result) for result in results)
    print(f"{name:<36}{cells}", flush=True)


def main() -> None:
    models = VAR_DIR / "models"
    library = Library(models)
    photos = photo_queries(library, models)
    classes = class_queries(library, photos)
    print(f"{len(photos.grades)} photos | {len(classes.grades)} classes: {', '.join(MEASURES)}")
    paper = [
        summary(queries.views["centre"] @ library.log_things.T, queries.grades)
        for queries in (photos, classes)
    ]
    show("paper", *paper)
    for recipe in RECIPES:
        show(
            recipe.name,
            *(
                summary(rank(recipe, library, queries), queries.grades)
                for queries in (photos, classes)
            ),
        )
    for name, queries in (("photos", photos), ("classes", classes)):
        print(f"strength of the first five, {name}")
        strengths(library, queries)


if __name__ == "__main__":
    main()
