"""Indexes for the tests of ranking, and what is exact."""

from __future__ import annotations

import numpy as np

from retrieval.engine.ranking.ranker import IndexRow
from retrieval.engine.ranking.rows import IndexFolder


def entries(rows, *, first=1):
    """Rows as they are appended, with the clip ids from `first` on."""
    return [IndexRow(first + place, row, np.zeros(1)) for place, row in enumerate(rows)]


def folder_of(path, *parts, build=True):
    """An index to which parts of rows are appended one after the other, with segments of each."""
    folder = IndexFolder(path, columns=parts[0].shape[1], classes=1)
    count = 0
    for snapshot, part in enumerate(parts, start=1):
        folder.append(entries(part, first=count + 1), snapshot=snapshot)
        count += len(part)
        if build:
            folder.upkeep()
    return folder


def float64_order(rows, query, *, top, among=None):
    """The definition of exact: every row scored in float64, ties by clip id."""
    scores = (rows.astype(np.float64) * query).sum(axis=1)
    ids = np.arange(1, len(rows) + 1) if among is None else np.sort(among)
    order = np.lexsort((ids, -scores[ids - 1]))[:top]
    return [(int(ids[place]), float(scores[ids[place] - 1])) for place in order]


def found(ranker, query, *, top, only=None):
    """What a ranker finds, as `float64_order` tells it."""
    return [(one.clip_id, one.score) for one in ranker.rank(query, top=top, only=only)]


def random_rows(rng, count, columns, kind="mixtures"):
    """Rows that are smooth, hard, tied or degenerate for an index of codes."""
    base = np.log(rng.dirichlet(np.full(columns, 0.3), size=3) + 1e-9)
    if kind == "mixtures":
        rows = rng.dirichlet(np.ones(3), size=count) @ base + rng.normal(0, 0.3, (count, columns))
    elif kind == "near ties":
        rows = base[:1] + rng.integers(-4, 5, size=(count, columns)) * 1e-6
    elif kind == "ties":
        rows = base[rng.integers(0, 3, size=count)]
    elif kind == "constant":
        rows = np.full((count, columns), -7.25)
    elif kind == "outlier":
        rows = rng.normal(size=(count, columns))
        rows[rng.integers(count)] *= 1e6
    else:
        rows = rng.normal(size=(count, columns)) * 10.0 ** rng.integers(-20, 20, size=(columns,))
    return rows.astype(np.float32)


KINDS = ("mixtures", "near ties", "ties", "constant", "outlier", "any scale")


def random_query(rng, columns, kind="flat tail"):
    """A photo's `a`: a few large entries and a flat rest, or any other vector."""
    if kind == "flat tail":
        query = np.full(columns, 0.01 / columns)
        query[rng.choice(columns, size=min(2, columns))] += rng.dirichlet([1, 1])[:columns]
        return query
    if kind == "zero":
        return np.zeros(columns)
    return rng.normal(size=columns)
