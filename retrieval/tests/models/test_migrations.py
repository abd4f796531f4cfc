"""Migrations of tables that have rows."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from retrieval.models import Clip, Match, MatchRun
from retrieval.tests.factories import unsaved_clip

JOBS = ("retrieval", "0006_account_deletion")
NO_JOBS = ("retrieval", "0007_clip_without_job_columns")
JOB_COLUMNS = {
    "state", "attempts", "lease_owner", "lease_expires_at", "failure_code", "failure_detail",
    "woken_at", "started_at", "finished_at",
}  # fmt: skip


def migrated_to(migration, model="Clip"):
    executor = MigrationExecutor(connection)
    return executor.migrate([migration]).apps.get_model("retrieval", model)


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


@pytest.mark.django_db
def test_words_without_a_fit_are_taken_away():
    run = MatchRun.objects.create(
        photo_sha256="ab" * 32, matcher="fused", matcher_version=1, model_versions={"a": "b"},
        snapshot=1, library_size=2, search_seconds=0.1,
    )  # fmt: skip
    for rank, fit in ((1, None), (2, 0.05)):
        clip = unsaved_clip(rank, added_in=1)
        clip.save()
        Match.objects.create(
            run=run,
            clip=clip,
            rank=rank,
            score=1.0,
            explanations=[],
            explained=0.1,
            standard=0.2,
            strength="none",
            fit=fit,
        )
    migrated_to(("retrieval", "0017_fit_of_matches"), "Match")
    found = migrated_to(("retrieval", "0018_words_without_fit"), "Match").objects.order_by("rank")
    assert list(found.values_list("strength", "fit")) == [("", None), ("none", 0.05)]
