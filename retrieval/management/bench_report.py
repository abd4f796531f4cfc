"""The report of `bench_retrieval`: measures, differences between matchers, results by photo."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, Final

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from retrieval.catalogue.benchmark_truth import Truth, TruthError
from retrieval.engine.matching.evaluation import (
    MEASURES,
    Interval,
    TrueGrade,
    bootstrap,
    measure,
    paired_difference,
    split_by_source,
)

HALVES: Final = 2


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording of the library."""

    clip_id: int
    path: str
    source: str
    duration_s: float


@dataclass(frozen=True, slots=True)
class BenchReport:
    """Results by matcher or pair of matchers (first minus second) and by measure.

    The two halves of the library have no source in common. The results by photo hold the measures,
    and path and grade of the first three recordings.
    """

    photos: int
    recordings: int
    measures: Mapping[str, Mapping[str, Interval]]
    differences: Mapping[tuple[str, str], Mapping[str, Interval]]
    halves: Mapping[str, Sequence[Mapping[str, float]]]
    by_photo: Mapping[str, Mapping[str, Mapping[str, Any]]]


def build_report(
    truth: Truth,
    *,
    recordings: Sequence[Recording],
    rankings: Mapping[str, Mapping[str, Sequence[int]]],
) -> BenchReport:
    """Grade rankings (clip ids, best first, by matcher and photo) and compute the report.

    Raises
    ------
    TruthError
        If the ground truth grades no recording of this library.
    """
    paths = {recording.clip_id: recording.path for recording in recordings}
    graded = {
        name: {
            photo: truth.grades_of(photo, [paths[clip_id] for clip_id in ranking])
            for photo, ranking in by_photo.items()
        }
        for name, by_photo in rankings.items()
    }
    if not any(any(grades) for by_photo in graded.values() for grades in by_photo.values()):
        raise TruthError("the ground truth grades no recording of this library")
    values = {
        name: {photo: measure(grades) for photo, grades in by_photo.items()}
        for name, by_photo in graded.items()
    }
    return BenchReport(
        photos=len(truth.photos),
        recordings=len(recordings),
        measures={name: _summary(by_photo) for name, by_photo in values.items()},
        differences={
            (one, other): {
                key: paired_difference(_by_measure(values[one])[key], found)
                for key, found in _by_measure(values[other]).items()
            }
            for other, one in combinations(values, 2)
        },
        halves={name: _halves(recordings, rankings[name], graded[name]) for name in rankings},
        by_photo={
            photo: {
                name: {
                    "measures": values[name][photo],
                    "first": [
                        {"recording": paths[clip_id], "grade": grade.name.lower()}
                        for clip_id, grade in zip(
                            rankings[name][photo][:3], graded[name][photo][:3], strict=True
                        )
                    ],
                }
                for name in rankings
            }
            for photo in truth.photos
        },
    )


def _by_measure(by_photo: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Return the values by measure and photo; leave out measures undefined for every photo."""
    return {
        key: found
        for key in MEASURES
        if (found := {photo: values[key] for photo, values in by_photo.items() if key in values})
    }


def _summary(by_photo: Mapping[str, Mapping[str, float]]) -> dict[str, Interval]:
    return {key: bootstrap(list(found.values())) for key, found in _by_measure(by_photo).items()}


def _halves(
    recordings: Sequence[Recording],
    rankings: Mapping[str, Sequence[int]],
    graded: Mapping[str, Sequence[TrueGrade]],
) -> list[dict[str, float]]:
    """Measure in each half separately, to show whether a few recordings dominate the result."""
    parts = split_by_source([recording.source for recording in recordings], parts=HALVES)
    half_of = {recording.clip_id: part for recording, part in zip(recordings, parts, strict=True)}
    results = []
    for half in range(HALVES):
        values = {}
        for photo, ranking in rankings.items():
            places = zip(ranking, graded[photo], strict=True)
            values[photo] = measure(
                [grade for clip_id, grade in places if half_of[clip_id] == half]
            )
        results.append({key: interval.mean for key, interval in _summary(values).items()})
    return results


def as_json(report: BenchReport) -> dict[str, Any]:
    """Return the report as plain data."""
    data = asdict(report)
    data["differences"] = {
        f"{one} - {other}": measures for (one, other), measures in data["differences"].items()
    }
    return data


def as_tables(report: BenchReport) -> str:
    """Return the report as tables that fit the terminal."""
    means = Table("matcher", *MEASURES, title="All photos")
    for name, measures in report.measures.items():
        means.add_row(name, *_cells(measures, _interval))
    means.add_section()
    means.add_row("photos", *_cells(measures, lambda value: str(value.photos), default="0"))

    differences = Table("difference", *MEASURES, title="Photo by photo")
    for (one, other), measures in report.differences.items():
        differences.add_row(f"{one} - {other}", *_cells(measures, _signed_interval))

    halves = Table("matcher", *MEASURES, title="Halves of the library that share no source")
    for name, results in report.halves.items():
        for half in results:
            halves.add_row(name, *_cells(half, "{:.3f}".format))

    photos = Table("photo", *report.measures, title="First recording of each photo")
    for photo, by_matcher in report.by_photo.items():
        firsts = [result["first"][0] for result in by_matcher.values()]
        photos.add_row(photo, *(f"{first['grade']}: {first['recording']}" for first in firsts))

    console = Console()
    heading = Text(f"{report.photos} photos, {report.recordings} recordings; 95 % intervals")
    with console.capture() as capture:
        console.print(Group(heading, means, differences, halves, photos))
    return capture.get()


def _cells(
    measures: Mapping[str, Any], show: Callable[[Any], str], *, default: str = "-"
) -> list[str]:
    """Return one cell per measure; `default` where the measure is undefined."""
    return [show(measures[key]) if key in measures else default for key in MEASURES]


def _interval(value: Interval) -> str:
    return f"{value.mean:.3f} [{value.low:.2f}, {value.high:.2f}]"


def _signed_interval(value: Interval) -> str:
    return f"{value.mean:+.3f} [{value.low:+.2f}, {value.high:+.2f}]"
