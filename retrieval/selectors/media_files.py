"""Queries on the files that database rows refer to.

`SOUNDSCAPE_STORED_FILES` names those of apps above this one, as ``app.Model.field``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import groupby
from operator import attrgetter
from pathlib import PurePosixPath
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Collate

from retrieval.models import Clip, DataExport, LibraryImport, Scene

_CHUNK_ROWS = 2000


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that rows refer to.

    `made_from` is the hash of the file it was derived from, if any: early versions named derived
    files by that hash.
    """

    name: str
    made_from: str

    def is_as_named(self, sha256: str) -> bool | None:
        """Return whether the content's hash matches the name; None if the name contains none."""
        in_name = PurePosixPath(self.name).stem
        if sha256 == in_name:
            return True
        return None if self.made_from == in_name else False


def named_files(*, using: str = DEFAULT_DB_ALIAS) -> Iterator[NamedFile]:
    """Yield every file that a row refers to, once, in the byte order of the names.

    The database sorts, and rows are read in chunks: memory use does not grow with the library.
    """
    clips, scenes = Clip.objects.using(using), Scene.objects.using(using)
    exports, sent = DataExport.objects.using(using), LibraryImport.objects.using(using)
    streams = merge(
        _files(clips, "original", made_from=Value("")),
        _files(clips.exclude(preview=""), "preview", made_from=F("sha256")),
        _files(scenes, "photo", made_from=F("photo_sha256")),
        _files(scenes, "model_input", made_from=F("photo_sha256")),
        _files(exports.exclude(file=""), "file", made_from=Value("")),
        _files(sent.exclude(sent_file=""), "sent_file", made_from=Value("")),
        *(
            _files(rows.using(using), field, made_from=Value(""))
            for rows, field in _files_of_apps_above()
        ),
        key=attrgetter("name"),
    )
    for _, same in groupby(streams, key=attrgetter("name")):
        yield next(same)


def named_file_count() -> int:
    """Return an upper bound of the number of named files: scenes of one photo share theirs."""
    previews = Clip.objects.exclude(preview="").count()
    exports = DataExport.objects.exclude(file="").count()
    sent = LibraryImport.objects.exclude(sent_file="").count()
    above = sum(rows.count() for rows, _ in _files_of_apps_above())
    return Clip.objects.count() + previews + 2 * Scene.objects.count() + exports + sent + above


def is_named(name: str) -> bool:
    """Return whether any row refers to a file."""
    return (
        Scene.objects.filter(Q(photo=name) | Q(model_input=name)).exists()
        or Clip.objects.filter(Q(original=name) | Q(preview=name)).exists()
        or DataExport.objects.filter(file=name).exists()
        or LibraryImport.objects.filter(sent_file=name).exists()
        or any(rows.filter(**{field: name}).exists() for rows, field in _files_of_apps_above())
    )


def _files_of_apps_above() -> Iterator[tuple[QuerySet[Any], str]]:
    """Yield the rows with a file, and the name of its field."""
    for path in settings.SOUNDSCAPE_STORED_FILES:
        model, field = path.rsplit(".", 1)
        yield apps.get_model(model)._default_manager.exclude(**{field: ""}), field


def _files(rows: QuerySet[Any], field: str, *, made_from: F | Value) -> Iterator[NamedFile]:
    ordered = rows.order_by(Collate(field, "C")).values_list(field, made_from)
    for name, source in ordered.iterator(chunk_size=_CHUNK_ROWS):
        yield NamedFile(name, source)
