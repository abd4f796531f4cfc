"""Imports of photos from a zip file, worked off by a worker in time slices."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO, Final

from django.core.files.storage import default_storage
from django.db import transaction

from labelling.models import PhotoImport, PhotoImportItem, PhotoSet
from labelling.services.photo_files import (
    DAMAGED,
    PhotoArchive,
    PhotoCredit,
    PhotoFile,
    TooManyPhotosError,
    pack,
    photos_in_archive,
)
from labelling.services.photo_import import Imported, PhotoImporter, tally
from labelling.services.photo_sets import record_added
from retrieval.catalogue.manifest import ManifestError
from retrieval.jobs.transitions import StaleClaimError
from retrieval.models import JobState, Scene
from retrieval.services.deletion import discard_files
from retrieval.services.timed_jobs import PermanentJobError, Slicing, TimeSlice
from retrieval.storage import content_store

logger = logging.getLogger(__name__)

_FOLDER: Final = "photo-imports"
_SUFFIX: Final = ".zip"
_PATIENCE_S: Final = 20.0  # other jobs of the worker wait meanwhile
_KEPT_DETAIL: Final = 500


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file that a browser sent, with its path in the folder that was chosen."""

    path: str
    stream: IO[bytes]

    @property
    def is_archive(self) -> bool:
        """Whether it is a zip file, by its name."""
        return self.path.lower().endswith(_SUFFIX)


@transaction.atomic
def request_photo_imports(
    *,
    photo_set_id: int,
    files: Sequence[UploadedFile],
    credit: PhotoCredit,
    requested_by: int | None,
) -> list[PhotoImport]:
    """Store uploaded files and add the jobs that import them: one a zip file, one for the rest.

    Raises
    ------
    PhotoSet.DoesNotExist
        If there is no such set, or it is one of visitors' photos.
    StorageError
        If the files cannot be stored.
    """
    imported = PhotoSet.objects.filter(source=PhotoSet.Source.IMPORTED)
    imported.select_for_update(no_key=True).get(pk=photo_set_id)
    _discard_poisoned(photo_set_id)
    contents = [(file.path, file.stream.read()) for file in files if file.is_archive]
    single = [file for file in files if not file.is_archive]
    if single:
        contents.append((single[0].path, pack(files=((file.path, file.stream) for file in single))))
    return [
        PhotoImport.objects.create(
            photo_set_id=photo_set_id,
            requested_by_id=requested_by,
            archive=_store(content),
            file_name=name[-200:],
            author=credit.author,
            license=credit.license,
            source_url=credit.source_url,
        )
        for name, content in contents
    ]


def run_photo_import_slice(
    *, import_id: int, slicing: Slicing, wake: Callable[[Scene], None]
) -> None:
    """Import photos for some minutes; an unfinished import is queued again.

    `wake` is called with each photo that was added, after its commit.
    """

    def work(part: TimeSlice) -> bool:
        job = PhotoImport.objects.filter(pk=import_id).first()
        if job is None:
            raise StaleClaimError(f"photo import {import_id} was deleted after it was claimed")
        if not job.archive:  # it was finished by an attempt that could not say so
            return True
        try:
            return _work(job, part, wake)
        except PhotoSet.DoesNotExist as deleted:
            raise StaleClaimError(f"the set of photo import {import_id} was deleted") from deleted

    slicing.run(PhotoImport, import_id, work)


def _work(job: PhotoImport, part: TimeSlice, wake: Callable[[Scene], None]) -> bool:
    """Import the photos that have no outcome yet; return whether none is left."""
    with _photos_of(job) as files:
        PhotoImport.objects.filter(pk=job.pk).update(total=len(files))
        importer = PhotoImporter(
            photo_set_id=job.photo_set_id,
            pool=part.pool,
            should_stop=part.is_over,
            patience_s=_PATIENCE_S,
            note=lambda imported: _note(job.pk, imported),
        )
        for imported in importer.run(_left(job.pk, files)):
            if imported.scene is not None:
                wake(imported.scene)
        if _left(job.pk, files):
            return False
    _finish(job.pk)
    return True


@contextmanager
def _photos_of(job: PhotoImport) -> Iterator[list[PhotoFile]]:
    """Open a job's zip file; one that cannot be read fails the job for good."""
    credit = PhotoCredit(author=job.author, license=job.license, source_url=job.source_url)
    with ExitStack() as stack:
        try:
            stream = stack.enter_context(default_storage.open(str(job.archive.name), "rb"))
            archive = stack.enter_context(PhotoArchive(stream))
            files = photos_in_archive(archive=archive, default=credit)
        except FileNotFoundError as error:
            raise PermanentJobError("The file is gone.", code="archive_missing") from error
        except TooManyPhotosError as error:
            _finish(job.pk)
            raise PermanentJobError(str(error), code="too_many_photos") from error
        except ManifestError as error:
            _finish(job.pk)
            raise PermanentJobError(str(error), code="manifest_invalid") from error
        except DAMAGED as error:
            _finish(job.pk)
            raise PermanentJobError(
                f"It is no zip file: {error}", code="archive_invalid"
            ) from error
        yield files


def _left(import_id: int, files: Sequence[PhotoFile]) -> list[PhotoFile]:
    items = PhotoImportItem.objects.filter(photo_import_id=import_id)
    settled = set(items.values_list("path", flat=True))
    return [file for file in files if file.path not in settled]


def _note(import_id: int, imported: Imported) -> None:
    if not PhotoImport.objects.filter(pk=import_id).exists():
        raise StaleClaimError(f"photo import {import_id} was deleted")
    PhotoImportItem.objects.create(
        photo_import_id=import_id,
        path=imported.path,
        outcome=imported.outcome,
        code=imported.code,
        detail=imported.detail[:_KEPT_DETAIL],
    )


@transaction.atomic
def _finish(import_id: int) -> None:
    """Record what was added and discard the file, once."""
    job = PhotoImport.objects.select_for_update(no_key=True).filter(pk=import_id).first()
    if job is None or not job.archive:
        return
    counts = tally(outcomes=job.items.values_list("outcome", flat=True))
    record_added(photo_set_id=job.photo_set_id, actor_id=job.requested_by_id, **counts)
    discard_files(names=[str(job.archive.name)])
    PhotoImport.objects.filter(pk=import_id).update(archive="")


def _discard_poisoned(photo_set_id: int) -> None:
    """Discard the files of imports that failed without an end."""
    failed = PhotoImport.objects.filter(photo_set_id=photo_set_id, state=JobState.FAILED)
    for import_id in failed.exclude(archive="").values_list("pk", flat=True):
        _finish(import_id)


def _store(content: bytes) -> str:
    sha256 = content_store.sha256_of_bytes(content)
    return content_store.keep_bytes(content, folder=_FOLDER, sha256=sha256, suffix=_SUFFIX)
