"""The place of a matcher's rows, as the settings choose it."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from retrieval.engine.matching.matcher import Matcher
from retrieval.engine.ranking.ranker import RowStore
from retrieval.engine.ranking.rows import INDEX_FORMAT, IndexFolder
from retrieval.engine.ranking.shortlist import RowsOf
from retrieval.models import RowSet
from retrieval.selectors.library import profiles_of
from retrieval.services.rankers.database_rows import DatabaseRows
from retrieval.services.rankers.milvus import Milvus, MilvusRows, collection_of, connect
from retrieval.services.rankers.pgvector import PgvectorRows

_STORED_FORMAT: Final = 1
"""Version of the rows in databases; raise it whenever they change: old ones are not read then."""

_LOCK: Final = "writer.lock"
_KEPT_S: Final = 7 * 86_400
_MILVUS: Final = "milvus-"  # how keys of its rows begin
_PROFILES: Final = 500  # read at once


@dataclass(frozen=True, slots=True)
class ChosenRows:
    """The rows of a matcher, and what keeps other writers from them."""

    store: RowStore
    writing: Callable[[], AbstractContextManager[None]]


def rows_of_matcher(*, matcher: Matcher, library: UUID, directory: Path) -> ChosenRows:
    """Return where the settings put the rows of a matcher.

    Parameters
    ----------
    library : UUID
        Identity of the library.
    directory : Path
        Where index files lie.

    Raises
    ------
    RankerUnavailableError
        If the database for the rows cannot be used.
    """
    columns, classes = matcher.columns, sum(len(space) for space in matcher.spaces)
    match settings.SOUNDSCAPE_RANKER:
        case "index":
            path = directory / _name(matcher, library, INDEX_FORMAT)
            folder = IndexFolder(path, columns=columns, classes=classes)
            return ChosenRows(folder, lambda: _file_lock(path))
        case "milvus":
            kind = settings.SOUNDSCAPE_MILVUS_INDEX
            rows = MilvusRows(
                f"{_MILVUS}{kind}-{_name(matcher, library, _STORED_FORMAT)}",
                columns=columns,
                classes=classes,
                milvus=_milvus(),
                kind=kind,
                rows_of=_rows_from_profiles(matcher),
            )
            return ChosenRows(rows, rows.writing)
        case _:
            stored = stored_rows(matcher=matcher, library=library)
            return ChosenRows(stored, stored.writing)


def stored_rows(*, matcher: Matcher, library: UUID) -> PgvectorRows:
    """Return the rows of a matcher in PostgreSQL."""
    ranker = settings.SOUNDSCAPE_RANKER
    return PgvectorRows(
        f"{ranker}-{_name(matcher, library, _STORED_FORMAT)}",
        columns=matcher.columns,
        classes=sum(len(space) for space in matcher.spaces),
        approximate=ranker == "pgvector-hnsw",
    )


def drop_unused_rows(
    *, matchers: Iterable[Matcher], library: UUID, directory: Path
) -> tuple[list[str], list[str]]:
    """Delete the rows, in files and databases, that the settings and these matchers do not use.

    A process that still searches deleted files keeps them until it ends.

    Returns
    -------
    tuple of two lists of str
        The keys of deleted rows, and of those that remain because no Milvus is set.
    """
    stores = [
        rows_of_matcher(matcher=one, library=library, directory=directory).store for one in matchers
    ]
    used = [store.key for store in stores if isinstance(store, DatabaseRows)]
    dropped, remaining = [], []
    for row_set in RowSet.objects.exclude(key__in=used).order_by("key"):
        in_milvus = row_set.key.startswith(_MILVUS)
        if in_milvus and not settings.SOUNDSCAPE_MILVUS_URI:
            remaining.append(row_set.key)
            continue
        if in_milvus:
            _milvus().drop(collection_of(key=row_set.key))
        row_set.delete()
        dropped.append(row_set.key)
    for folder in _unused_folders(stores, directory):
        shutil.rmtree(folder)
        dropped.append(folder.name)
    return dropped, remaining


def superseded_folders(
    *, matchers: Iterable[Matcher], library: UUID, directory: Path
) -> list[Path]:
    """Return the folders of indexes that none of these matchers uses and nobody opened for a week.

    Until then a process of another version of the program may open them again.
    """
    stores = [
        rows_of_matcher(matcher=one, library=library, directory=directory).store for one in matchers
    ]
    oldest = time.time() - _KEPT_S
    found = []
    for folder in _unused_folders(stores, directory):
        with suppress(FileNotFoundError):  # another process removes it
            if (folder / _LOCK).stat().st_mtime < oldest:
                found.append(folder)
    return found


def _unused_folders(stores: Iterable[RowStore], directory: Path) -> list[Path]:
    in_use = [store.path for store in stores if isinstance(store, IndexFolder)]
    folders = sorted(lock.parent for lock in directory.glob(f"*/{_LOCK}"))
    return [folder for folder in folders if folder not in in_use]


def _milvus() -> Milvus:
    return connect(uri=settings.SOUNDSCAPE_MILVUS_URI, token=settings.SOUNDSCAPE_MILVUS_TOKEN)


def _rows_from_profiles(matcher: Matcher) -> RowsOf:
    def rows_of(clip_ids: NDArray[np.int64]) -> NDArray[np.float32]:
        rows = np.empty((clip_ids.size, matcher.columns), dtype=np.float32)
        for start in range(0, clip_ids.size, _PROFILES):
            ids = clip_ids[start : start + _PROFILES].tolist()
            found = profiles_of(ids, model_versions=matcher.audio_models)
            for place, clip_id in enumerate(ids, start=start):
                rows[place] = matcher.row(found[clip_id])
        return rows

    return rows_of


def _name(matcher: Matcher, library: UUID, version: int) -> str:
    """Return a name that changes with everything the rows depend on: no stale ones are read."""
    models = ",".join(
        f"{space}={version}" for space, version in sorted(matcher.audio_models.items())
    )
    content = f"{version}|{library}|{models}|{matcher.rows_version}"
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    return f"{matcher.rows_version.partition('@')[0]}-{digest}"


@contextmanager
def _file_lock(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("w") as stream:  # its time is that of the last use
        fcntl.flock(stream, fcntl.LOCK_EX)  # the kernel releases it even if the process is killed
        yield
