"""Queries on exports of personal data and on what they contain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

from django.db.models import Prefetch, QuerySet
from django.db.models.functions import Now

from retrieval.models import DataExport, JobState, Match, Scene, SceneReport
from retrieval.quotas.senders import user_key

EXPORT_KEPT_FOR: Final = timedelta(days=7)
EXPORT_RENEWED_AFTER: Final = timedelta(hours=1)
"""Making a file reads all photos of a person: a newer one is not replaced."""

_OPEN: Final = (JobState.QUEUED, JobState.PROCESSING)
_CHUNK_SCENES: Final = 50


def newest_export(user_id: int) -> DataExport | None:
    """Return a person's newest export that has not expired."""
    return _fresh(user_id).order_by("-pk").first()


def finished_export(user_id: int, export_id: int) -> DataExport | None:
    """Return an export with a file, if it is this person's and has not expired."""
    return _fresh(user_id).filter(pk=export_id, state=JobState.DONE).first()


def open_export(user_id: int) -> DataExport | None:
    """Return the export that is being made."""
    return DataExport.objects.filter(user_id=user_id, state__in=_OPEN).first()


def has_recent_export(user_id: int) -> bool:
    """Return whether a person's file is too new to be replaced."""
    since = Now() - EXPORT_RENEWED_AFTER
    exports = DataExport.objects.filter(user_id=user_id, state=JobState.DONE)
    return exports.filter(finished_at__gt=since).exists()


def has_exports(user_id: int) -> bool:
    """Return whether a person has any export."""
    return DataExport.objects.filter(user_id=user_id).exists()


def export_ids(user_id: int) -> list[int]:
    """Return all exports of a person."""
    return list(DataExport.objects.filter(user_id=user_id).values_list("pk", flat=True))


def expired_export_ids(*, limit: int) -> list[int]:
    """Return exports that ended more than `EXPORT_KEPT_FOR` ago."""
    expired = DataExport.objects.filter(finished_at__lt=Now() - EXPORT_KEPT_FOR)
    return list(expired.order_by("finished_at").values_list("pk", flat=True)[:limit])


def scenes_with_results(owner_id: int) -> Iterator[Scene]:
    """Yield a person's scenes with their runs, matches, clips and divergences, oldest first."""
    matches = Match.objects.select_related("clip").defer("clip__peaks").order_by("rank")
    scenes = (
        Scene.objects.filter(owner_id=owner_id)
        .select_related("run")
        .prefetch_related(Prefetch("run__matches", matches), "run__matches__divergences")
    )
    return scenes.order_by("created_at", "pk").iterator(chunk_size=_CHUNK_SCENES)


def report_data(user_id: int) -> Iterator[Mapping[str, object]]:
    """Yield the reports that a person made about photos."""
    reports = SceneReport.objects.filter(reporter_key=user_key(user_id)).order_by("pk")
    yield from reports.values(
        "scene_id", "reason", "words", "created_at", "decision", "decided_at"
    ).iterator()


def _fresh(user_id: int) -> QuerySet[DataExport]:
    exports = DataExport.objects.filter(user_id=user_id)
    return exports.exclude(finished_at__lt=Now() - EXPORT_KEPT_FOR)
