"""Compare matching choices on two truth tables: `python -m benchmarks.retrieval_choices`.

Classifies the shared recordings and photos with the real models, then ranks by every recipe for two
sets of queries: the sample photos that show a scenery, and single classes of the image model, each
as the main part of a simulated photo. The first recipe is the one in use; the others change one
choice.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from PIL import Image

from retrieval.catalogue.benchmark_truth import TRUTH_FOLDER, Truth, load_truth
from retrieval.engine.matching.bank import ClassMoments, Moments, ScoreMoments
from retrieval.engine.matching.evaluation import MEASURES, TrueGrade, measure
from retrieval.engine.matching.recipes import ODDNESS_PENALTY, SPEECH_PENALTY, THINGS_BESIDE_SOUNDS
from retrieval.engine.matching.sound_matcher import (
    ANYWHERE_FLOOR,
    MAX_ODDNESS,
    PEOPLE,
    PEOPLE_SHARE,
)
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

HOP_S: Final = HOP_SAMPLES / SAMPLE_RATE_HZ
ENTROPY_FLOOR: Final = 1e-12


@dataclass(frozen=True)
class Recipe:
    """One way to match; the defaults are those in use."""

    every: int = 1
    pooling: str = "segments"
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
    max_oddness: float = MAX_ODDNESS
    things_standardised: bool = True
    speech_penalty: float = SPEECH_PENALTY
    oddness_penalty: float = ODDNESS_PENALTY


IN_USE: Final = Recipe()
CHANGES: Final[dict[str, dict[str, Any]]] = {
    "fused, as in use": {},
    "heard, as in use": {"things": 0.0, "things_when_mute": THINGS_BESIDE_SOUNDS},
    "no things": {"things": 0.0},
    "things not standardised": {"things_standardised": False},
    "weight of things 0.1": {"things": 0.1},
    "weight of things 1": {"things": 1.0},
    "YAMNet's windows without overlap": {"every": 2},
    "mean over time": {"pooling": "mean"},
    "maximum over time": {"pooling": "maximum"},
    "half mean, half maximum": {"pooling": "mixture"},
    "best segment": {"pooling": "best segment"},
    "smoothing 0.3": {"smoothing": 0.3},
    "smoothing 1": {"smoothing": 1.0},
    "smoothing 10": {"smoothing": 10.0},
    "scores not normalised": {"normalised": False},
    "independent events": {"independent": True},
    "centre of the photo only": {"views": "centre"},
    "whole photo only": {"views": "whole"},
    "mute mass to the table's mean": {"mute": "mean"},
    "sounds half centred": {"centring": 0.5},
    "sounds centred": {"centring": 1.0},
    "sounds standardised": {"centring": 1.0, "standardised": True},
    "with reverse entropy 0.3": {"reverse": 0.3},
    "with reverse entropy 1": {"reverse": 1.0},
    "no speech penalty": {"speech_penalty": 0.0},
    "twice the speech penalty": {"speech_penalty": 2 * SPEECH_PENALTY},
    "no oddness penalty": {"oddness_penalty": 0.0},
    "half the oddness penalty": {"oddness_penalty": ODDNESS_PENALTY / 2},
    "twice the oddness penalty": {"oddness_penalty": ODDNESS_PENALTY * 2},
    "oddness not bounded": {"max_oddness": np.inf},
    "oddness over classes": {"anywhere": "classes"},
}


@dataclass(frozen=True)
class Queries:
    """Photos' distributions, float64 [shape=(n, 1000)] by view, and grades [shape=(n, clips)]."""

    views: dict[str, Array]
    grades: NDArray[np.int_]


class Library:
    """The shared recordings, classified by both audio models."""

    def __init__(self, models: Path) -> None:
        folder = SHARED_DIR / "library"
        self.paths: list[str] = []
        for manifest in ("library.csv", "ambience.csv"):
            with (folder / manifest).open(encoding="utf-8") as stream:
                self.paths += [row["path"] for row in csv.DictReader(stream)]
        yamnet, soundnet = YamnetClassifier(models), SoundNetClassifier(models)
        self.scores: list[Array] = []
        self.durations_s: list[float] = []
        things = []
        for path in self.paths:
            samples, rate_hz = soundfile.read(folder / path, dtype="float32", always_2d=True)
            self.durations_s.append(len(samples) / rate_hz)
            answers = []
            for model in (yamnet, soundnet):
                mono = soxr.resample(samples.mean(axis=1), rate_hz, model.sample_rate_hz, "HQ")
                starts = model.windowing.starts(len(mono))
                answers.append(model.classify_windows(model.windowing.cut(mono, starts)))
            self.scores.append(answers[0])
            things.append(answers[1].mean(axis=0))
        self.log_things = np.log(_normalised(np.maximum(np.stack(things), 1e-9)))

    def pooled(self, recipe: Recipe) -> Array:
        """Return one score per recording and sound."""
        pool = _POOLINGS[recipe.pooling]
        return np.stack([pool(scores[:: recipe.every], recipe.every) for scores in self.scores])


def _segments(scores: Array, every: int) -> Array:
    starts_s = [HOP_S * every * place for place in range(len(scores))]
    windows = AudioScores(scores.astype(np.float32), starts_s)
    return heard_space().stored_windows(windows).windows.astype(np.float64)


def _best_segment(scores: Array, every: int) -> Array:
    segments = _segments(scores, every)
    best: Array = segments[segments.sum(axis=1).argmax()]
    return best


_POOLINGS: Final[dict[str, Callable[[Array, int], Array]]] = {
    "segments": lambda scores, every: _segments(scores, every).mean(axis=0),
    "mean": lambda scores, _: scores.mean(axis=0),
    "maximum": lambda scores, _: scores.max(axis=0),
    "mixture": lambda scores, _: (scores.mean(axis=0) + scores.max(axis=0)) / 2,
    "best segment": _best_segment,
}


def rank(recipe: Recipe, library: Library, queries: Queries) -> Array:
    """Return the score of every recording for every query."""
    table = load_heard_there()
    bank = table.weights[table.audible]
    seen = queries.views[recipe.views]
    heard = seen @ table.weights
    audible = heard.sum(axis=1, keepdims=True)
    if recipe.mute == "mean":
        heard = heard + (1 - audible) * bank.mean(axis=0)
    heard = _normalised(heard)
    scores = library.pooled(recipe)
    sounds = _sound_scores(recipe, heard, scores, Moments.of(bank))
    things = seen @ library.log_things.T
    if recipe.things_standardised:
        mean, deviation = _bank_scores(ClassMoments(), library.log_things)
        things = (things - mean) / deviation
    weight = recipe.things + recipe.things_when_mute * (1 - audible)
    speech = _normalised(scores + EVEN_EVIDENCE / scores.shape[1])[:, _positions(SPEECH)]
    wild_speech = _wildness(heard, seen) * speech.sum(axis=1)
    anywhere = table.anywhere if recipe.anywhere == "sceneries" else bank.mean(axis=0)
    oddness = np.minimum(_oddness(scores, anywhere), recipe.max_oddness)
    penalties = recipe.speech_penalty * wild_speech + recipe.oddness_penalty * oddness
    return np.asarray(audible * sounds + weight * things - penalties)


def _sound_scores(recipe: Recipe, heard: Array, scores: Array, bank: Moments) -> Array:
    if recipe.independent:
        clipped = np.clip(scores, 1e-3, 1 - 1e-3)
        odds = np.log(clipped) - np.log1p(-clipped)
        return np.asarray(heard @ odds.T + np.log1p(-clipped).sum(axis=1))
    evidence = scores + recipe.smoothing / scores.shape[1]
    shares = _normalised(evidence)
    logs = np.log(shares if recipe.normalised else evidence)
    mean, deviation = _bank_scores(bank, logs)
    result = heard @ logs.T - recipe.centring * mean
    if recipe.standardised:
        result = result / deviation
    if recipe.reverse:
        explained = np.log(0.7 * heard + 0.3 * bank.mean + ENTROPY_FLOOR)
        reverse = explained @ shares.T - (shares * np.log(shares)).sum(axis=1)
        result = result + recipe.reverse * reverse
    return np.asarray(result)


def _normalised(rows: Array) -> Array:
    return np.asarray(rows / rows.sum(axis=1, keepdims=True))


def _bank_scores(bank: ScoreMoments, logs: Array) -> Array:
    """Return mean and deviation over the bank of every recording's scores, shape (2, clips)."""
    return np.array([bank.of_scores(row) for row in logs]).T


def _positions(sounds: frozenset[str]) -> list[int]:
    return load_vocabulary("audioset").positions(sounds)


def _wildness(heard: Array, seen: Array) -> Array:
    people = heard[:, _positions(SPEECH | PEOPLE)].sum(axis=1)
    wildness = (seen @ load_heard_there().natural) * np.maximum(0, 1 - people / PEOPLE_SHARE)
    return np.asarray(wildness[:, np.newaxis])


def _oddness(scores: Array, anywhere: Array) -> Array:
    odd = np.log((anywhere.max() + ANYWHERE_FLOOR) / (anywhere + ANYWHERE_FLOOR))
    odd[_positions(TOO_GENERAL)] = 0.0
    return np.asarray(scores @ odd)


def photo_queries(library: Library, models: Path) -> Queries:
    classifier, truth = MobileNetClassifier(models), load_truth()
    files = {path.name: path for path in (SHARED_DIR / "photos").rglob("*.png")}
    seen = [
        classifier.classify(photo_views(Image.open(files[photo]).convert("RGB"), 224))
        for photo in truth.photos
    ]
    views = {
        "centre": np.stack([views[0] for views in seen]),
        "whole": np.stack([views[-1] for views in seen]),
        "all": np.stack([views.mean(axis=0) for views in seen]),
    }
    grades = np.array([truth.grades_of(photo, library.paths) for photo in truth.photos])
    return Queries(views, grades)


def class_truth() -> Truth:
    """Return the grades of recordings for what a class of the image model is; bad if unnamed."""
    grades: dict[str, dict[str, TrueGrade]] = {}
    with (TRUTH_FOLDER / "classes.csv").open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            of_class = grades.setdefault(row["wnid"], {})
            of_class[row["recordings"]] = TrueGrade[row["grade"].upper()]
    return Truth(tuple(grades), grades)


def class_queries(library: Library, photos: Queries) -> Queries:
    """Simulate a photo of each class: 60 % the class, 10 % the mean photo, 30 % random classes."""
    truth = class_truth()
    vocabulary = load_vocabulary("imagenet")
    rng = np.random.default_rng(1)
    mean, seen = photos.views["centre"].mean(axis=0), []
    for wnid in truth.photos:
        certain = np.eye(len(vocabulary))[vocabulary.by_key(wnid).index]
        noise = rng.dirichlet(np.full(len(vocabulary), 0.01))
        seen.append(0.6 * certain + 0.1 * mean + 0.3 * noise)
    graded = [truth.grades_of(wnid, library.paths) for wnid in truth.photos]
    return Queries(dict.fromkeys(("centre", "whole", "all"), np.stack(seen)), np.array(graded))


def summary(scores: Array, grades: NDArray[np.int_]) -> list[float]:
    order = np.argsort(-scores, axis=1, kind="stable")
    values = [measure(row) for row in np.take_along_axis(grades, order, axis=1)]
    return [float(np.mean([one[key] for one in values if key in one])) for key in MEASURES]


def show(name: str, scores: Iterable[Array], queries: Iterable[Queries]) -> None:
    """Print the measures of each set of queries."""
    results = [summary(s, q.grades) for s, q in zip(scores, queries, strict=True)]
    cells = "  |".join("".join(f"{value:7.3f}" for value in result) for result in results)
    print(f"{name:<36}{cells}", flush=True)


def main() -> None:
    models = VAR_DIR / "models"
    library = Library(models)
    photos = photo_queries(library, models)
    both = {"photos": photos, "classes": class_queries(library, photos)}
    counts = " | ".join(f"{len(queries.grades)} {name}" for name, queries in both.items())
    print(f"{counts}: {', '.join(MEASURES)}")
    paper = [queries.views["centre"] @ library.log_things.T for queries in both.values()]
    show("paper", paper, both.values())
    for name, changes in CHANGES.items():
        recipe = replace(IN_USE, **changes)
        show(name, [rank(recipe, library, queries) for queries in both.values()], both.values())


if __name__ == "__main__":
    main()
