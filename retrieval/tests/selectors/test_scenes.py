"""Which scenes reviewers may judge, and the list of public photos."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from retrieval.models import JobState, MatchRun, Scene, Visibility
from retrieval.selectors.public_photos import public_page
from retrieval.selectors.scenes import judgeable_scenes
from retrieval.tests.photos import accepted

pytestmark = pytest.mark.django_db

PUBLIC = Visibility.PUBLIC


@pytest.fixture
def done(media_root):
    """Return a function that makes matched photos."""
    run = MatchRun.objects.create(
        photo_sha256="ab" * 32, matcher="paper", matcher_version=1, model_versions={},
        snapshot=1, library_size=1, search_seconds=0.1,
    )  # fmt: skip

    def make(**fields):
        scene = accepted()
        state = {"state": JobState.DONE, "run": run, "finished_at": Now()}
        Scene.objects.filter(pk=scene.pk).update(**state | fields)
        return scene

    return make


@pytest.mark.parametrize("visibility", [Visibility.UNLISTED, Visibility.PUBLIC])
def test_a_photo_is_judged_if_its_owner_allows_it(done, visibility):
    scene = done(judging_allowed=True, visibility=visibility)
    assert list(judgeable_scenes()) == [scene]


@pytest.mark.parametrize(
    "excluded",
    [
        {"judging_allowed": False},
        {"state": JobState.QUEUED, "run": None, "finished_at": None},
        {"hidden_at": timezone.now(), "hidden_reason": "A face"},
    ],
)
def test_each_condition_excludes_a_photo_from_judging(done, excluded):
    done(**{"judging_allowed": True} | excluded)
    assert not judgeable_scenes().exists()


def test_a_private_photo_is_not_judged_even_without_the_constraint(done):
    with transaction.atomic(), connection.cursor() as cursor:
        drop = "ALTER TABLE retrieval_scene DROP CONSTRAINT retrieval_scene_private_unjudged"
        cursor.execute(drop)
        done(judging_allowed=True, visibility=Visibility.PRIVATE)
        assert not judgeable_scenes().exists()
        transaction.set_rollback(True)


@pytest.mark.parametrize(
    "excluded",
    [
        {"visibility": Visibility.UNLISTED},
        {"visibility": Visibility.PRIVATE},
        {"state": JobState.QUEUED, "run": None, "finished_at": None},
        {"hidden_at": timezone.now(), "hidden_reason": "A face"},
    ],
)
def test_each_condition_excludes_a_photo_from_the_list(done, excluded):
    done(**{"visibility": PUBLIC} | excluded)
    assert public_page(after=None, size=10) == ([], None)


def test_pages_follow_each_other_without_gap_or_repetition(done):
    noon = datetime(2026, 5, 4, 12, tzinfo=UTC)
    ages = [0, 1, 1, 1, 2]  # three of the same instant
    scenes = [
        done(visibility=PUBLIC, created_at=noon - timedelta(microseconds=age)) for age in ages
    ]
    for size in (1, 2, 3, 5):
        seen, end = [], None
        while True:
            photos, end = public_page(after=end, size=size)
            seen += [photo.scene.pk for photo in photos]
            if end is None:
                break
            assert len(photos) == size
        assert len(seen) == 5
        assert set(seen) == {scene.pk for scene in scenes}
        assert (seen[0], seen[-1]) == (scenes[0].pk, scenes[-1].pk)


def test_a_page_uses_the_index_and_two_queries(done, django_assert_num_queries):
    for _ in range(3):
        done(visibility=PUBLIC)
    _, end = public_page(after=None, size=1)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    with django_assert_num_queries(2) as queries:
        public_page(after=end, size=1)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {queries.captured_queries[0]['sql']}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "retrieval_scene_public" in plan
    assert "Index Cond: (created_at <=" in plan
