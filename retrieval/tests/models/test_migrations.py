"""Migrations of tables that have rows."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from retrieval.models import Clip
from retrieval.tests.factories import unsaved_clip

JOBS = ("retrieval", "0006_account_deletion")
NO_JOBS = ("retrieval", "0007_clip_without_job_columns")
JOB_COLUMNS = {
    "state", "attempts", "lease_owner", "lease_expires_at", "failure_code", "failure_detail",
    "woken_at", "started_at", "finished_at",
}  # fmt: skip


def migrated_to(migration):
    executor = MigrationExecutor(connection)
    return executor.migrate([migration]).apps.get_model("retrieval", "Clip")


@pytest.mark.django_db
def test_clips_keep_their_rows_without_job_columns_and_back():
    clip = unsaved_clip(1, added_in=3)
    clip.save()
    kept: dict[str, object] = dict(Clip.objects.values().get())

    old = migrated_to(JOBS).objects.get()
    assert (old.pk, old.state, old.attempts, old.added_in) == (clip.pk, "done", 1, 3)
    assert old.started_at == old.finished_at == old.created_at

    new = migrated_to(NO_JOBS)
    assert not JOB_COLUMNS & {field.name for field in new._meta.get_fields()}
    row = new.objects.values().get()
    assert row == {name: kept[name] for name in row}  # later migrations add columns
    with pytest.raises(IntegrityError, match="added_in"), transaction.atomic():
        new.objects.update(added_in=None)
