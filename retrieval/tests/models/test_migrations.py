"""Migrations of tables that have rows."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from retrieval.engine.spaces.class_groups import group_sums
from retrieval.engine.spaces.space import objects
from retrieval.models import Clip, ClipProfile, Match, MatchRun
from retrieval.tests.factories import unsaved_clip

sums_of_stored_profiles = import_module("retrieval.migrations.0023_sums_of_stored_profiles")

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


@pytest.mark.django_db
def test_profiles_without_sums_get_them(monkeypatch, make_clip):
    monkeypatch.setattr(sums_of_stored_profiles, "BATCH", 2)
    rng = np.random.default_rng(1)
    clips = [make_clip(rng.dirichlet(np.ones(1000)), space=objects()) for _ in range(5)]
    ClipProfile.objects.filter(clip=clips[3]).update(group_sums=np.full(64, 0.5))
    migrated_to(("retrieval", "0022_group_sums"), "ClipProfile")
    migrated_to(("retrieval", "0023_sums_of_stored_profiles"), "ClipProfile")
    for row in ClipProfile.objects.all():
        expected = group_sums(row.distribution, space="objects").astype(np.float16)
        kept = row.clip_id == clips[3].pk
        assert row.group_sums.tolist() == ([0.5] * 64 if kept else expected.tolist())
