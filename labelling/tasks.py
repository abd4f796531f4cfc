"""The Celery tasks: each takes ids and makes one service call.

An import wakes workers for the photos that it adds. The sweeper alone would wake them within a
minute, and the import goes on when they are matched.
"""

from __future__ import annotations

from labelling.services.photo_import_jobs import run_photo_import_slice
from retrieval.jobs.policies import ingest_task
from retrieval.jobs.transitions import StaleClaimError
from retrieval.submission import wake_for_photo
from retrieval.tasks import slicing


@ingest_task("import_photos", throws=(StaleClaimError,))
def import_photos(import_id: int, **_: object) -> None:
    """Add photos to a set for some minutes; the sweeper requests the next slice."""
    run_photo_import_slice(import_id=import_id, slicing=slicing(), wake=wake_for_photo)
