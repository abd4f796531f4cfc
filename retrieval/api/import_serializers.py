"""What the API says of imports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rest_framework import serializers

from accounts.api.serializers import OutputSerializer
from retrieval.models import ImportItem, JobState, LibraryImport
from retrieval.selectors.imports import outcome_counts


class ImportCountsSerializer(OutputSerializer):
    """How many files of the source have each outcome."""

    imported = serializers.IntegerField()
    duplicate = serializers.IntegerField()
    failed = serializers.IntegerField()


class ImportItemSerializer(OutputSerializer):
    """The outcome of one file."""

    path = serializers.CharField(help_text="The file's name, or its path in the manifest.")
    outcome = serializers.ChoiceField(choices=ImportItem.Outcome.choices)
    code = serializers.CharField(help_text="Why it failed; else empty.")
    detail = serializers.CharField()
    clip = serializers.IntegerField(
        source="clip_id",
        allow_null=True,
        help_text="The recording that it became, or of which it is a duplicate.",
    )
    at = serializers.DateTimeField()


class ImportSerializer(OutputSerializer):
    """An import."""

    id = serializers.IntegerField()
    state = serializers.ChoiceField(choices=JobState.choices)
    source = serializers.CharField(  # type: ignore[assignment] # the base class has a `source`
        allow_null=True,
        help_text="The manifest or folder on the server; null for a recording that was sent.",
    )
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    code = serializers.CharField(help_text="Why the import failed as a whole; else empty.")
    detail = serializers.CharField()
    counts = ImportCountsSerializer()
    items = ImportItemSerializer(many=True)
    next = serializers.URLField(allow_null=True, help_text="More items, or null.")


def import_content(
    job: LibraryImport, *, items: Sequence[ImportItem], next_page: str | None
) -> dict[str, Any]:
    """Return an import with a page of its items, for `ImportSerializer`."""
    return {
        "id": job.pk,
        "state": job.state,
        "source": None if job.sent_row else job.source,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "code": job.failure_code,
        "detail": job.failure_detail,
        "counts": outcome_counts(job.source),
        "items": items,
        "next": next_page,
    }
