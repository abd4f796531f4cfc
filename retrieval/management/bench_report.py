"""The report of `bench_retrieval`: measures, differences between matchers, results by photo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, Final

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from retrieval.catalogue.benchmark_truth import Truth, TruthError
from retrieval.engine.matching.evaluation import (
    MEASURES,
    Grade,
    Interval,
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


@dataclass(frozen=True, slots=True)
class BenchReport:
    """Results of every matcher.

    Attributes
    ----------
    photos, recordings : int
        How many photos were matched, with how many recordings.
    measures : mapping
        Mean with confidence interval, by matcher and measure.
    differences : mapping
        Paired difference (first minus second), by pair of matchers and measure.
    halves : mapping
        By matcher: the measures in each half of the library; the halves have no source in common.
    by_photo : mapping
        By photo and matcher: the measures, and path and grade of the first three recordings.
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
        measures={
            name: {
                key: bootstrap(list(found.values()))
                for key in MEASURES
                if (found := _values_of(key, by_photo))
            }
            for name, by_photo in values.items()
        },
        differences={
            (one, other): {
                key: paired_difference(_values_of(key, values[one]), found)
                for key in MEASURES
                if (found := _values_of(key, values[other]))
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


def _values_of(key: str, by_photo: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    return {photo: values[key] for photo, values in by_photo.items() if key in values}


def _halves(
    recordings: Sequence[Recording],
    rankings: Mapping[str, Sequence[int]],
    graded: Mapping[str, Sequence[Grade]],
) -> list[dict[str, float]]:
    """Measure in each half separately, to show whether a few recordings dominate the result."""
    half_of = dict(
        zip(
            [recording.clip_id for recording in recordings],
            split_by_source([recording.source for recording in recordings], parts=HALVES),
            strict=True,
        )
    )
    results = []
    for half in range(HALVES):
        values = {
            photo: measure(
                [
                    grade
                    for clip_id, grade in zip(ranking, graded[photo], strict=True)
                    if half_of[clip_id] == half
                ]
            )
            for photo, ranking in rankings.items()
        }
        results.append(
            {
                key: bootstrap(list(found.values())).mean
                for key in MEASURES
                if (found := _values_of(key, values))
            }
        )
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
    console = Console()
    with console.capture() as capture:
        console.print(
            Group(
                Text(f"{report.photos} photos, {report.recordings} recordings; 95 % intervals"),
                _measures(report),
                _differences(report),
                _half_table(report),
                _photos(report),
            )
        )
    return capture.get()


def _measures(report: BenchReport) -> Table:
    table = Table("matcher", *MEASURES, title="All photos")
    for name, measures in report.measures.items():
        table.add_row(name, *(_interval(measures.get(key)) for key in MEASURES))
    any_measures = next(iter(report.measures.values()))
    table.add_section()
    table.add_row(
        "photos",
        *(str(any_measures[key].photos) if key in any_measures else "0" for key in MEASURES),
    )
    return table


def _differences(report: BenchReport) -> Table:
    table = Table("difference", *MEASURES, title="Photo by photo")
    for (one, other), measures in report.differences.items():
        cells = (_interval(measures.get(key), signed=True) for key in MEASURES)
        table.add_row(f"{one} - {other}", *cells)
    return table


def _half_table(report: BenchReport) -> Table:
    table = Table("matcher", *MEASURES, title="Halves of the library that share no source")
    for name, halves in report.halves.items():
        for half in halves:
            table.add_row(name, *(f"{half[key]:.3f}" if key in half else "-" for key in MEASURES))
    return table


def _photos(report: BenchReport) -> Table:
    names = list(report.measures)
    table = Table("photo", *names, title="First recording of each photo")
    for photo, by_matcher in report.by_photo.items():
        firsts = [by_matcher[name]["first"][0] for name in names]
        table.add_row(photo, *(f"{first['grade']}: {first['recording']}" for first in firsts))
    return table


def _interval(value: Interval | None, *, signed: bool = False) -> str:
    if value is None:
        return "-"
    sign = "+" if signed else ""
    return f"{value.mean:{sign}.3f} [{value.low:{sign}.2f}, {value.high:{sign}.2f}]"
