"""Add photos to a set: each is decoded like an upload, stored as a scene, and kept from expiring.

A photo that cannot be used does not affect the others. One that the set has already is recognised
by its content before it is decoded, so an interrupted import can be repeated.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.db import transaction

from labelling.models import PhotoImportItem, PhotoSet, SetPhoto
from labelling.services.photo_files import PhotoFile, PhotoFileError
from labelling.services.photo_sets import holder_of
from retrieval.catalogue.manifest import RowProblem
from retrieval.decoding.answers import DecodedPhoto
from retrieval.decoding.configured_limits import photo_limits
from retrieval.decoding.outcome import DecoderUnavailableError
from retrieval.decoding.pool import DecodingPool
from retrieval.engine.errors import DecodeError
from retrieval.models import Scene
from retrieval.selectors.matchers import matcher_in_force
from retrieval.selectors.scenes import queued_count
from retrieval.services.holds import hold_scenes
from retrieval.services.uploads import QueueFullError, create_scene
from retrieval.storage.content_store import sha256_of_bytes

logger = logging.getLogger(__name__)

Outcome = PhotoImportItem.Outcome

_LOOKAHEAD_PHOTOS: Final = 4
_QUEUE_SHARE: Final = 4  # an import fills a quarter of the queue; the rest is for visitors
_LOOK_AGAIN_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one photo; `scene` is the one that was added."""

    path: str
    outcome: PhotoImportItem.Outcome
    code: str = ""
    detail: str = ""
    scene: Scene | None = None


@dataclass(frozen=True, slots=True)
class _Decoding:
    """A photo that is being decoded, or has its outcome already."""

    file: PhotoFile
    sha256: str = ""
    future: Future[DecodedPhoto] | None = None
    problem: RowProblem | None = None


def import_share() -> int:
    """Return how many photos may be queued, those of visitors included, when an import adds one."""
    return max(1, settings.SOUNDSCAPE_QUEUE_LIMIT // _QUEUE_SHARE)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoImporter:
    """Adds photos to a set.

    Attributes
    ----------
    should_stop
        Asked before each photo, and while the import waits for room in the queue.
    patience_s
        How long to wait for room before the import stops.
    note
        Called with each outcome, in the transaction that stores the photo.
    """

    photo_set_id: int
    pool: DecodingPool
    should_stop: Callable[[], bool] = lambda: False
    patience_s: float = float("inf")
    note: Callable[[Imported], None] = lambda _: None

    def run(self, files: Iterable[PhotoFile]) -> Iterator[Imported]:
        """Add photos; yield each outcome after its commit. May stop before the last file.

        Raises
        ------
        PhotoSet.DoesNotExist
            If the set was deleted meanwhile.
        DecoderUnavailableError
            If no photo can be decoded at the moment.
        StorageError
            If photos cannot be stored.
        """
        for decoding in self._decoding(files):
            problem = decoding.problem
            decoded = None
            if problem is None and decoding.future is not None:
                decoded, problem = _result(decoding.future)
            if problem is not None:
                yield self._noted(
                    Imported(decoding.file.path, Outcome.FAILED, problem.code, problem.detail)
                )
            elif decoded is None:
                yield self._noted(Imported(decoding.file.path, Outcome.DUPLICATE))
            else:
                added = self._add(decoding.file, decoded)
                if added is None:
                    return
                yield added

    def _decoding(self, files: Iterable[PhotoFile]) -> Iterator[_Decoding]:
        """Start to decode photos some files ahead; yield them in order."""
        ahead: deque[_Decoding] = deque()
        for file in files:
            if self.should_stop():
                return
            ahead.append(self._start(file))
            if len(ahead) > _LOOKAHEAD_PHOTOS:
                yield ahead.popleft()
        yield from ahead

    def _start(self, file: PhotoFile) -> _Decoding:
        if file.problem is not None:
            return _Decoding(file, problem=file.problem)
        most = photo_limits().max_bytes
        try:
            content = file.read(most)
        except PhotoFileError as error:
            return _Decoding(file, problem=error.problem)
        if len(content) > most:
            detail = f"It has more than {photo_limits().max_megabytes} MB."
            return _Decoding(file, problem=RowProblem("file_too_large", detail))
        sha256 = sha256_of_bytes(content)
        if _is_in_set(self.photo_set_id, sha256):
            return _Decoding(file, sha256)
        return _Decoding(file, sha256, self.pool.submit_photo(content))

    def _add(self, file: PhotoFile, decoded: DecodedPhoto) -> Imported | None:
        """Store a photo when the queue has room; return None if the import must stop."""
        deadline = time.monotonic() + self.patience_s
        while not self.should_stop():
            try:
                if queued_count() < import_share():
                    return self._store(file, decoded)
            except QueueFullError:
                logger.debug("the queue was filled meanwhile")
            if time.monotonic() >= deadline:
                return None
            time.sleep(_LOOK_AGAIN_S)
        return None

    @transaction.atomic
    def _store(self, file: PhotoFile, decoded: DecodedPhoto) -> Imported:
        """Store a photo, unless another import has added the same one."""
        PhotoSet.objects.select_for_update(no_key=True).get(pk=self.photo_set_id)
        if _is_in_set(self.photo_set_id, decoded.sha256):
            return self._noted(Imported(file.path, Outcome.DUPLICATE))
        scene = create_scene(
            decoded=decoded,
            matcher=matcher_in_force(settings.SOUNDSCAPE_MATCHER),
            queue_limit=import_share(),
            owner_id=None,
            judging_allowed=True,
        )
        SetPhoto.objects.create(
            photo_set_id=self.photo_set_id,
            scene=scene,
            photo_sha256=decoded.sha256,
            name=file.name[:200],
            author=file.credit.author,
            license=file.credit.license,
            source_url=file.credit.source_url,
        )
        hold_scenes(scene_ids=[scene.pk], holder=holder_of(photo_set_id=self.photo_set_id))
        return self._noted(Imported(file.path, Outcome.ADDED, scene=scene))

    def _noted(self, imported: Imported) -> Imported:
        self.note(imported)
        return imported


def tally(*, outcomes: Iterable[str]) -> dict[str, int]:
    """Return how many photos have each outcome."""
    counts = Counter(outcomes)
    return {outcome.value: counts[outcome.value] for outcome in Outcome}


def _is_in_set(photo_set_id: int, sha256: str) -> bool:
    return SetPhoto.objects.filter(photo_set_id=photo_set_id, photo_sha256=sha256).exists()


def _result(future: Future[DecodedPhoto]) -> tuple[DecodedPhoto | None, RowProblem | None]:
    """Wait for a photo; return it, or what is wrong with it."""
    try:
        return future.result(), None
    except DecodeError as error:
        if error.decoder_unavailable:
            raise DecoderUnavailableError(error.detail, code=error.code) from error
        return None, RowProblem(error.code, error.detail)
    except RuntimeError as error:  # a bug, which must not stop other photos
        logger.exception("a photo of an import could not be decoded")
        return None, RowProblem("decoder_fault", str(error).partition("\n")[0] or "A fault.")
