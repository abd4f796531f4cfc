"""Parts of a campaign's sample: by matcher and rank, and by what pairs have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from labelling.reporting.report import DifferenceFigure, MatcherFigures, RankFigure, Slice
from labelling.reporting.rows import FloatArray, FoundRows, ReportRows, TextArray
from labelling.reporting.sample import BoolArray, SampleDesign

NATURAL: Final = "natural"
HUMAN_MADE: Final = "human-made"


def found_where(rows: ReportRows, where: BoolArray) -> BoolArray:
    """Return which pairs are in at least one row of `FoundRows` for which `where` holds."""
    found = np.zeros(len(rows.pairs.key), dtype=np.bool_)
    found[rows.found.pair[where]] = True
    return found


def matcher_figures(
    rows: ReportRows, sample: SampleDesign, verdicts: FloatArray
) -> tuple[MatcherFigures, ...]:
    """Return what holds for the pairs of each matcher, in the campaign's order."""
    found = rows.found
    figures = []
    for name in rows.campaign["matchers"]:
        own = found.matcher == name
        figures.append(
            MatcherFigures(
                matcher=name,
                versions=_distinct(found.matcher_version[own]),
                image_models=_distinct(found.image_model[own]),
                sound_models=_distinct(found.sound_model[own]),
                shares=sample.shares(verdicts, found_where(rows, own)),
                ranks=tuple(
                    RankFigure(
                        rank=rank,
                        at_rank=sample.good(
                            verdicts, found_where(rows, own & (found.rank == rank))
                        ),
                        up_to_rank=sample.good(
                            verdicts, found_where(rows, own & (found.rank <= rank))
                        ),
                    )
                    for rank in range(1, rows.campaign["ranks"] + 1)
                ),
            )
        )
    return tuple(figures)


def slices(
    rows: ReportRows, sample: SampleDesign, verdicts: FloatArray
) -> dict[str, tuple[Slice, ...]]:
    """Return the slices by what divides the sample; what all pairs share divides nothing.

    A slice that has few pairs is shown: its number of pairs and its interval say so.
    """
    pairs = rows.pairs
    parts: dict[str, list[tuple[str, BoolArray]]] = {
        "stratum": list(_by_text(pairs.stratum)),
        "scenery": list(_by_text(pairs.scenery)),
        "collection": list(_by_text(pairs.collection)),
        "image_model": [
            (name, found_where(rows, where)) for name, where in _by_text(rows.found.image_model)
        ],
        "sound_model": [
            (name, found_where(rows, where)) for name, where in _by_text(rows.found.sound_model)
        ],
        "matcher_version": [
            (name, found_where(rows, where)) for name, where in _by_version(rows.found)
        ],
    }
    return {
        dimension: tuple(Slice(name, sample.shares(verdicts, where)) for name, where in of)
        for dimension, of in parts.items()
        if len(of) > 1
    }


def origins_without_verdict(rows: ReportRows, verdicts: FloatArray) -> tuple[str, ...]:
    """Return which of natural and human-made sceneries have no verdict."""
    decided = set(rows.pairs.origin[~np.isnan(verdicts)].tolist())
    return tuple(name for name in (NATURAL, HUMAN_MADE) if name not in decided)


def natural_or_made(
    rows: ReportRows, sample: SampleDesign, verdicts: FloatArray
) -> DifferenceFigure | None:
    """Return the difference between natural and human-made sceneries; None if one is missing."""
    origin = rows.pairs.origin
    return sample.difference(
        verdicts, (NATURAL, origin == NATURAL), (HUMAN_MADE, origin == HUMAN_MADE)
    )


def _distinct(values: TextArray) -> tuple[str, ...]:
    return tuple(np.unique(values).tolist())


def _by_text(values: TextArray) -> Iterator[tuple[str, BoolArray]]:
    """Yield each value that occurs, and where, sorted."""
    names, number = np.unique(values, return_inverse=True)
    for index, name in enumerate(names.tolist()):
        yield name, number == index


def _by_version(found: FoundRows) -> Iterator[tuple[str, BoolArray]]:
    """Yield each version, such as `fused 2`, of matchers of which there is more than one."""
    for matcher, own in _by_text(found.matcher):
        versions = [
            (f"{matcher} {version}", own & where)
            for version, where in _by_text(found.matcher_version)
            if (own & where).any()
        ]
        if len(versions) > 1:
            yield from versions
