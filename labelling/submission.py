"""Create background jobs and wake workers for them after the commit; nothing else enqueues."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from django.db import transaction

from labelling.models import PhotoImport
from labelling.services.photo_files import PhotoCredit
from labelling.services.photo_import_jobs import UploadedFile, request_photo_imports
from labelling.tasks import import_photos
from retrieval.submission import wake


def submit_photo_imports(
    *,
    photo_set_id: int,
    files: Sequence[UploadedFile],
    credit: PhotoCredit,
    requested_by: int | None,
) -> list[PhotoImport]:
    """Request imports of uploaded files; raises what `request_photo_imports` raises."""
    with transaction.atomic():
        wanted = request_photo_imports(
            photo_set_id=photo_set_id, files=files, credit=credit, requested_by=requested_by
        )
        for job in wanted:
            transaction.on_commit(partial(wake, import_photos, job.pk))
    return wanted
