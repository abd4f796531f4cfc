"""The lists of the admin: as many queries for many rows as for few, photos only where allowed."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.tests.factories import make_person
from retrieval.models import (
    Clip,
    DataExport,
    HeardOverride,
    ImportItem,
    JobState,
    LibraryImport,
    LibraryProfiling,
    Match,
    MatchRun,
    PhotoBank,
    ProfileFailure,
    Scene,
    SceneRematch,
    Space,
    Thumb,
    Visibility,
)
from retrieval.tests.photos import accepted

pytestmark = pytest.mark.django_db

LISTED = [
    Clip, DataExport, HeardOverride, ImportItem, LibraryImport, LibraryProfiling, PhotoBank,
    ProfileFailure, Scene, SceneRematch, Thumb,
]  # fmt: skip
SCENES = "/admin/retrieval/scene/"


@pytest.fixture
def add_rows(media_root, make_clip):
    """Return a function that adds rows of all models, each with related rows of its own."""

    def adding(numbers):
        for number in numbers:
            clip, scene = make_clip([1, 0, 0, 0, 0, 0, 0]), accepted(number)
            person = make_person(f"person{number}")
            run = MatchRun.objects.create(
                photo_sha256=scene.photo_sha256, matcher="paper", matcher_version=1,
                model_versions={}, snapshot=1, library_size=1, search_seconds=0.1,
            )  # fmt: skip
            match = Match.objects.create(run=run, clip=clip, rank=1, score=0.0)
            Thumb.objects.create(match=match, scene=scene, account=person, fits=True)
            SceneRematch.objects.create(scene=scene, matcher="paper")
            DataExport.objects.create(user=person)
            space, _ = Space.objects.get_or_create(name=f"space{number}", classes=7)
            LibraryProfiling.objects.create(
                space=space, model_version="m@1", state=JobState.DONE, finished_at=timezone.now()
            )
            ProfileFailure.objects.create(clip=clip, space=space, model_version="m@1", code="x")
            source = f"/data/{number}"
            LibraryImport.objects.create(source=source, requested_by=person.pk)
            ImportItem.objects.create(
                source=source, path="a.ogg", outcome="imported", clip=clip, byte_size=1,
                modified_ns=1,
            )  # fmt: skip
            HeardOverride.objects.create(
                wnid="n02814860", sounds={"Wind": 1}, why="fog", author=person.pk
            )
            PhotoBank.objects.create(photos=300, digest=f"{number:012}")

    return adding


def page_of(model):
    return reverse(f"admin:retrieval_{model._meta.model_name}_changelist")


def queries_of(client):
    counts = {}
    for model in LISTED:
        with CaptureQueriesContext(connection) as captured:
            answer = client.get(page_of(model))
        assert answer.status_code == 200
        assert len(answer.context["cl"].result_list) == model._default_manager.count()
        counts[model.__name__] = len(captured)
    return counts


def test_lists_take_as_many_queries_for_12_rows_as_for_3(admin_client, add_rows):
    add_rows(range(3))
    queries_of(admin_client)
    few = queries_of(admin_client)
    add_rows(range(3, 12))
    assert queries_of(admin_client) == few
    assert max(few.values()) <= 12
    assert Clip.objects.count() == 12


def test_all_models_of_the_admin_are_counted():
    registered = {one for one in admin.site._registry if one._meta.app_label == "retrieval"}
    assert registered == set(LISTED)


@pytest.mark.parametrize("model", LISTED)
def test_the_newest_row_comes_first(admin_client, add_rows, model):
    add_rows(range(2))
    rows = admin_client.get(page_of(model)).context["cl"].result_list
    time = next(name for name in ("created_at", "at") if hasattr(rows[0], name))
    keys = [(getattr(row, time), row.pk if isinstance(row.pk, int) else 0) for row in rows]
    assert keys == sorted(keys, reverse=True)


def photos_in(page):
    return re.findall(r'<a href="([^"]+)"><img [^>]*src="([^"]+)"', page)


def test_photos_are_shown_but_private_ones_are_not(admin_client, media_root):
    open_one, hidden, private = (accepted(number) for number in range(3))
    Scene.objects.filter(pk=hidden.pk).update(hidden_at=timezone.now(), hidden_reason="a face")
    Scene.objects.filter(pk=private.pk).update(visibility=Visibility.PRIVATE)
    for scene in (open_one, hidden, private):
        SceneRematch.objects.create(scene=scene, matcher="paper")
    expected = {
        (f"/scenes/{scene.pk}/", f"/scenes/{scene.pk}/photo") for scene in (open_one, hidden)
    }
    for address in (SCENES, page_of(SceneRematch)):
        page = admin_client.get(address).content.decode()
        assert set(photos_in(page)) == expected
        assert len(re.findall(r">\s*private\s*</td>", page)) == 1
    for _, photo in expected:
        assert b"".join(admin_client.get(photo).streaming_content).startswith(b"picture")
    assert admin_client.get(f"/scenes/{private.pk}/photo").status_code == 404
    assert photos_in(admin_client.get(f"{SCENES}{open_one.pk}/change/").content.decode())
    assert not photos_in(admin_client.get(f"{SCENES}{private.pk}/change/").content.decode())


def test_a_page_shows_at_most_20_photos(admin_client, media_root):
    scenes = [accepted(number) for number in range(21)]
    SceneRematch.objects.bulk_create(SceneRematch(scene=one, matcher="paper") for one in scenes)
    for address in (SCENES, page_of(SceneRematch)):
        page = admin_client.get(address).content.decode()
        photos = re.findall(r'<img class="scene-thumbnail"[^>]*>', page)
        assert len(photos) == 20
        needed = ('loading="lazy"', ' width="', ' height="')
        assert all(part in photo for photo in photos for part in needed)
