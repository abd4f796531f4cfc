"""Rows of a matcher in a database: what is published, and appending to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np
from django.db import transaction
from numpy.typing import NDArray

from retrieval.engine.errors import EngineError
from retrieval.engine.ranking.dense import rounding_error
from retrieval.engine.ranking.files import IndexDamagedError
from retrieval.engine.ranking.ranker import IndexRow, RankedClip, check_query, checked_row
from retrieval.engine.ranking.shortlist import Ranking, RowsOf, Sphere
from retrieval.models import RowSet

BATCH_ROWS: Final = 500  # 3 MB of 1524 columns
BREADTH: Final = 1000
"""Clips that a graph of neighbours keeps in sight during a search, the most that pgvector allows;
docs/scaling.md tells what it misses."""


class RankerUnavailableError(EngineError):
    """The database that holds the rows cannot be used."""

    code = "ranker_unavailable"


@dataclass(frozen=True, slots=True)
class Batch:
    """Some clips to store.

    Attributes
    ----------
    clip_ids : int64 [shape=(n,)]
    rows : float32 [shape=(n, columns)]
    points : float32 [shape=(n, columns + 1)] or None
        For an approximate search.
    """

    clip_ids: NDArray[np.int64]
    rows: NDArray[np.float32]
    points: NDArray[np.float32] | None


class DatabaseRows(ABC):
    """A `RowStore` whose rows are in a database; `RowSet` tells which are published.

    Parameters
    ----------
    key : str
        Changes with everything that the rows depend on.
    columns, classes : int
        Length of a row; number of classes of all spaces together.
    approximate : bool
        Whether an approximate index finds the candidates.
    """

    def __init__(self, key: str, *, columns: int, classes: int, approximate: bool) -> None:
        self.key = key
        self.columns = columns
        self.classes = classes
        self.approximate = approximate

    @property
    def snapshot(self) -> int:
        """The library snapshot up to which the rows are complete; 0 before the first append."""
        return self.published.snapshot

    @property
    def published(self) -> RowSet:
        """What is published; an unsaved row before the first append."""
        blank = RowSet(key=self.key, columns=self.columns, log_q_sum=[0.0] * self.classes)
        found = RowSet.objects.filter(key=self.key).first() or blank
        if found.columns != self.columns or len(found.log_q_sum) != self.classes:
            raise IndexDamagedError(
                f"{self.key} has {found.columns} columns and {len(found.log_q_sum)} classes, the "
                f"matcher {self.columns} and {self.classes}"
            )
        return found

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep other writers out until the block ends, or its process does."""
        with transaction.atomic():
            RowSet.objects.bulk_create(
                [RowSet(key=self.key, columns=self.columns, log_q_sum=[0.0] * self.classes)],
                ignore_conflicts=True,
            )
            RowSet.objects.select_for_update().get(key=self.key)
            yield

    def append(self, rows: Iterable[IndexRow], *, snapshot: int) -> int:
        """Append clips and publish the snapshot that they complete; see `RowStore.append`.

        An error publishes nothing; rows that it leaves behind are not ranked, and the next append
        deletes them.

        Raises
        ------
        SpaceMismatchError, EngineError
            If a row is invalid: see `checked_row`.
        RankerUnavailableError
            If the database does not work.
        """
        with self.writing():
            published = self.published
            before = published.clips
            published.snapshot = snapshot
            self._prepare(published, after=self.snapshot)
            log_q_sum = np.array(published.log_q_sum, dtype=np.float64)
            stream = iter(rows)
            while entries := list(islice(stream, BATCH_ROWS)):
                batch = self._batch(entries, published)
                self._store(batch, published)
                log_q_sum += np.sum([entry.log_q for entry in entries], axis=0)
                published.max_abs = max(published.max_abs, float(np.abs(batch.rows).max()))
                published.clips += len(entries)
            self._finish(published.clips - before)
            published.log_q_sum = log_q_sum.tolist()
            published.save()
            return published.clips - before

    def open(self, *, without: Iterable[int] = ()) -> DatabaseRanker:
        """Return a ranker over all clips except those with the ids in `without`.

        Raises
        ------
        IndexDamagedError
            If published rows are missing.
        RankerUnavailableError
            If the database does not work.
        """
        published = self.published
        ids = np.fromiter(without, dtype=np.int64)
        withdrawn = self._stored_among(ids, published) if ids.size and published.clips else ids[:0]
        return self._ranker(published, withdrawn)

    @property
    def upkeep_due(self) -> bool:
        """False: the database keeps its indexes itself."""
        return False

    def upkeep(self) -> None:  # noqa: B027 - the database does it
        """Do nothing."""

    def clear(self) -> None:
        """Delete all rows; rankers that are open raise `IndexDamagedError`."""
        with self.writing():
            self._delete_all()
            RowSet.objects.filter(key=self.key).update(
                columns=self.columns, snapshot=0, clips=0, max_abs=0.0,
                log_q_sum=[0.0] * self.classes, centre=[], radius=0.0,
            )  # fmt: skip

    def _batch(self, entries: Sequence[IndexRow], published: RowSet) -> Batch:
        rows = np.stack(
            [checked_row(one, columns=self.columns, classes=self.classes) for one in entries]
        )
        ids = np.array([entry.clip_id for entry in entries], dtype=np.int64)
        if not self.approximate:
            return Batch(ids, rows, None)
        if not published.centre:
            sphere = Sphere.around(rows)
            published.centre, published.radius = sphere.centre.tolist(), sphere.radius
        return Batch(ids, rows, sphere_of(published=published).points(rows))

    @abstractmethod
    def _prepare(self, published: RowSet, *, after: int) -> None:
        """Make room for rows, and delete those of snapshots later than `after`."""

    @abstractmethod
    def _store(self, batch: Batch, published: RowSet) -> None:
        """Write rows at the snapshot that is being published."""

    @abstractmethod
    def _finish(self, stored: int) -> None:
        """Do what remains to be done after that many rows were stored."""

    @abstractmethod
    def _delete_all(self) -> None:
        """Delete all rows."""

    @abstractmethod
    def _stored_among(self, clip_ids: NDArray[np.int64], published: RowSet) -> NDArray[np.int64]:
        """Return those of the ids whose rows are published."""

    @abstractmethod
    def _ranker(self, published: RowSet, withdrawn: NDArray[np.int64]) -> DatabaseRanker:
        """Return a ranker over published rows."""


class DatabaseRanker(ABC):
    """A `Ranker` over the published rows of a database, all except the withdrawn ones.

    Attributes
    ----------
    breadth : int
        Clips that a graph of neighbours keeps in sight during a search.
    """

    def __init__(
        self, published: RowSet, withdrawn: NDArray[np.int64], *, rows_of: RowsOf, approximate: bool
    ) -> None:
        self.breadth = BREADTH
        self.published = published
        self.withdrawn = withdrawn
        self._without = frozenset(withdrawn.tolist())
        self._rows_of = rows_of
        self._approximate = approximate

    @property
    def snapshot(self) -> int:
        """Library snapshot up to which the rows are complete."""
        return self.published.snapshot

    @property
    def size(self) -> int:
        """Number of clips that are ranked."""
        return self.published.clips - self.withdrawn.size

    @property
    def log_q_sum(self) -> NDArray[np.float64]:
        """Sum of ``log q`` over all stored rows, withdrawn ones too; float64 [shape=(classes,)]."""
        return np.array(self.published.log_q_sum, dtype=np.float64)

    def rank(
        self, query: NDArray[np.float64], *, top: int, only: NDArray[np.int64] | None = None
    ) -> list[RankedClip]:
        """Return the `top` clips with the largest scores; see `Ranker.rank`.

        Raises
        ------
        IndexDamagedError
            If published rows are missing: the library must be opened again.
        RankerUnavailableError
            If the database does not work.
        """
        ranking = self._ranking(query, top=top)
        if self.published.clips:
            self._search(ranking, None if only is None else np.unique(only))
        return ranking.best

    def rank_many(
        self, queries: Sequence[NDArray[np.float64]], *, top: int
    ) -> list[list[RankedClip]]:
        """Rank for several photos; see `Ranker.rank_many`."""
        return [self.rank(query, top=top) for query in queries]

    def _ranking(self, query: NDArray[np.float64], *, top: int) -> Ranking:
        check_query(query, columns=self.published.columns, top=top)
        error = None if self._approximate else self._rounding_error(query)
        return Ranking(query, top=top, error=error, rows_of=self._rows_of, without=self._without)

    def _rounding_error(self, query: NDArray[np.float64]) -> float:
        return rounding_error(query, max_abs=self.published.max_abs)

    def _require_all(self, listed: int) -> None:
        """Raise if a list of all clips lacks some."""
        if listed != self.published.clips:
            raise IndexDamagedError(
                f"{self.published.key} lists {listed} clips, {self.published.clips} are published "
                f"at snapshot {self.snapshot}"
            )

    @abstractmethod
    def _search(self, ranking: Ranking, only: NDArray[np.int64] | None) -> None:
        """Give the ranking its candidates."""


def sphere_of(*, published: RowSet) -> Sphere:
    """Return the sphere of an approximate search."""
    return Sphere(np.array(published.centre, dtype=np.float64), published.radius)
