"""Photo sets: making, filling with visitors' photos, removing, deleting."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.tests.audit import logged
from accounts.tests.role_holders import make_person
from labelling.models import Pair, PhotoSet, SetPhoto
from labelling.selectors.photo_sets import photo_set_counts, photo_set_rows, photos_page
from labelling.services import photo_sets
from labelling.services.errors import PhotoSetInUseError
from labelling.services.photo_sets import (
    delete_photo_set,
    holder_of,
    make_photo_set,
    refresh_visitors_set,
    remove_photo,
)
from labelling.tests.blocking import call_meanwhile
from labelling.tests.factories import make_campaign, make_clip, make_scene
from retrieval.models import DeletedScene, JobState, Scene, SceneHold, Visibility
from retrieval.services.deletion import delete_scene
from retrieval.services.holds import hold_scenes
from retrieval.storage.content_locks import lock_exclusively
from retrieval.tests.photos import accepted

pytestmark = pytest.mark.django_db

VISITORS = PhotoSet.Source.VISITORS


@pytest.fixture
def lead(db):
    return make_person("lena")


def imported(name="Set", scenes=3):
    """Make a set with photos as an import leaves them."""
    photo_set = make_photo_set(name=name, made_by=None)
    for number in range(scenes):
        scene = accepted(number, upload=name)
        Scene.objects.filter(pk=scene.pk).update(judging_allowed=True)
        add(photo_set, scene)
        hold_scenes(scene_ids=[scene.pk], holder=holder_of(photo_set_id=photo_set.pk))
    return photo_set


def add(photo_set, scene):
    return SetPhoto.objects.create(
        photo_set=photo_set, scene=scene, photo_sha256=scene.photo_sha256
    )


def members(photo_set):
    return set(photo_set.photos.values_list("scene_id", flat=True))


def visitors_set(lead):
    return make_photo_set(name="Visitors", source=VISITORS, made_by=lead.pk)


def test_a_set_is_made_and_logged(lead):
    made = make_photo_set(name=" Coast ", purpose="Pilot", made_by=lead.pk)
    assert (made.name, made.purpose, made.source, made.made_by) == (
        "Coast", "Pilot", "imported", lead,
    )  # fmt: skip
    detail = {"name": "Coast", "source": "imported"}
    assert logged() == [("photo_set.made", f"photo set {made.pk}", lead.pk, detail)]


@pytest.mark.parametrize("name", ["", "  ", "COAST", "x" * 101])
def test_a_name_is_needed_once(name):
    make_photo_set(name="Coast", made_by=None)
    with pytest.raises(ValidationError):
        make_photo_set(name=name, made_by=None)
    assert PhotoSet.objects.count() == 1


def test_a_name_that_somebody_takes_in_this_moment_is_taken(monkeypatch):
    validate = PhotoSet.full_clean

    def validate_too_early(self):
        validate(self)
        PhotoSet.objects.create(name="COAST")

    monkeypatch.setattr(PhotoSet, "full_clean", validate_too_early)
    with pytest.raises(ValidationError, match="There is a photo set of this name already"):
        make_photo_set(name="Coast", made_by=None)


def test_a_set_of_visitors_photos_takes_those_that_may_be_judged(media_root, lead):
    wanted = make_scene()
    make_scene(judging_allowed=False)
    make_scene(visibility=Visibility.PRIVATE, judging_allowed=False)
    make_scene(hidden_at="2026-01-01T00:00Z", hidden_reason="Faces")
    waiting = make_scene(state=JobState.QUEUED, finished_at=None, run=None)
    other_set = make_photo_set(name="Imported", made_by=None)
    add(other_set, make_scene())
    made = visitors_set(lead)
    assert members(made) == {wanted.pk}
    added = ("photo_set.photos_added", f"photo set {made.pk}", lead.pk, {"added": 1})
    assert added in logged()
    assert not SceneHold.objects.exists()  # they are held by campaigns alone

    Scene.objects.filter(pk=waiting.pk).update(
        state=JobState.DONE, finished_at="2026-01-01T00:00Z", run=wanted.run
    )
    Scene.objects.filter(pk=wanted.pk).update(judging_allowed=False)
    assert refresh_visitors_set(photo_set_id=made.pk, actor_id=lead.pk) == 1
    assert members(made) == {waiting.pk}
    assert refresh_visitors_set(photo_set_id=made.pk, actor_id=lead.pk) == 0


def test_the_same_photo_of_two_visitors_is_once_in_the_set(lead, monkeypatch):
    monkeypatch.setattr(photo_sets, "_ROWS", 2)
    first = make_scene()
    make_scene(photo_sha256=first.photo_sha256, run=first.run)
    others = [make_scene() for _ in range(4)]
    made = visitors_set(lead)
    assert members(made) == {first.pk, *(scene.pk for scene in others)}


def test_only_sets_of_visitors_photos_are_refreshed():
    made = make_photo_set(name="Set", made_by=None)
    with pytest.raises(PhotoSet.DoesNotExist):
        refresh_visitors_set(photo_set_id=made.pk, actor_id=None)


def test_removing_an_imported_photo_deletes_it(
    media_root, lead, django_capture_on_commit_callbacks
):
    photo_set = imported()
    photo = photo_set.photos.first()
    assert photo is not None
    file = str(photo.scene.photo.name)
    with django_capture_on_commit_callbacks(execute=True):
        remove_photo(photo_set_id=photo_set.pk, photo_id=photo.pk, actor_id=lead.pk)
    assert len(members(photo_set)) == 2
    assert DeletedScene.objects.get(pk=photo.scene_id).reason == "photo_set"
    assert not default_storage.exists(file)
    assert [entry[0] for entry in logged()][-2:] == ["photo_set.photo_removed", "scene.deleted"]
    with pytest.raises(SetPhoto.DoesNotExist):
        remove_photo(photo_set_id=photo_set.pk, photo_id=photo.pk, actor_id=lead.pk)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_photo_that_is_deleted_in_this_moment_is_removed(media_root):
    """The other deletion has the lock on the content, and takes the photo out of its sets last."""
    photo_set = imported(scenes=2)
    photo = photo_set.photos.select_related("scene").first()
    assert photo is not None
    call_meanwhile(
        lambda: lock_exclusively(photo.photo_sha256),
        lambda: remove_photo(photo_set_id=photo_set.pk, photo_id=photo.pk, actor_id=None),
        then=lambda: delete_scene(
            scene_id=photo.scene_id, reason=DeletedScene.Reason.VISITOR, actor_id=None
        ),
    )
    assert len(members(photo_set)) == Scene.objects.count() == 1
    assert DeletedScene.objects.get().reason == DeletedScene.Reason.VISITOR


def test_removing_a_visitors_photo_leaves_it_to_the_visitor(lead):
    scene = make_scene(owner=make_person("vera"))
    made = visitors_set(lead)
    remove_photo(photo_set_id=made.pk, photo_id=made.photos.get().pk, actor_id=lead.pk)
    assert members(made) == set()
    assert Scene.objects.filter(pk=scene.pk).exists()


def test_a_photo_of_another_set_is_not_removed(media_root):
    one, other = imported("One", 1), imported("Other", 1)
    with pytest.raises(SetPhoto.DoesNotExist):
        remove_photo(photo_set_id=one.pk, photo_id=other.photos.get().pk, actor_id=None)


def test_deleting_a_set_deletes_its_photos_and_no_others(
    media_root, lead, monkeypatch, django_capture_on_commit_callbacks
):
    monkeypatch.setattr(photo_sets, "_BATCH", 2)
    photo_set, other = imported("Set", 5), imported("Other", 1)
    files = [str(photo.scene.photo.name) for photo in photo_set.photos.all()]
    with django_capture_on_commit_callbacks(execute=True):
        assert delete_photo_set(photo_set_id=photo_set.pk, actor_id=lead.pk)
    assert list(PhotoSet.objects.all()) == [other]
    assert set(Scene.objects.values_list("pk", flat=True)) == members(other)
    assert SceneHold.objects.count() == 1
    kept = {str(photo.scene.photo.name) for photo in other.photos.all()}
    assert not any(default_storage.exists(name) for name in files if name not in kept)
    detail = {"name": "Set"}
    assert logged()[-1] == ("photo_set.deleted", f"photo set {photo_set.pk}", lead.pk, detail)


def test_a_set_is_deleted_in_several_steps(media_root):
    photo_set = imported(scenes=3)
    for left in (2, 1):
        assert not delete_photo_set(photo_set_id=photo_set.pk, actor_id=None, longest_s=0)
        assert photo_set.photos.count() == Scene.objects.count() == left
    assert delete_photo_set(photo_set_id=photo_set.pk, actor_id=None, longest_s=0)
    assert not PhotoSet.objects.exists()


def test_deleting_a_set_of_visitors_photos_leaves_the_photos(lead):
    scene = make_scene()
    made = visitors_set(lead)
    assert delete_photo_set(photo_set_id=made.pk, actor_id=lead.pk)
    assert list(Scene.objects.all()) == [scene]
    assert not PhotoSet.objects.exists()


def test_a_set_in_a_campaign_stays_whole(media_root):
    photo_set = imported()
    make_campaign(photo_set=photo_set)
    with pytest.raises(PhotoSetInUseError):
        delete_photo_set(photo_set_id=photo_set.pk, actor_id=None)
    assert len(members(photo_set)) == Scene.objects.count() == 3


def test_a_campaign_that_is_made_meanwhile_ends_the_deletion(media_root, monkeypatch):
    photo_set = imported()

    def delete_and_make_campaign(**given):
        deleted = delete_scene(**given)
        make_campaign(photo_set=photo_set)
        return deleted

    monkeypatch.setattr(photo_sets, "delete_scene", delete_and_make_campaign)
    with pytest.raises(PhotoSetInUseError):
        delete_photo_set(photo_set_id=photo_set.pk, actor_id=None)
    assert len(members(photo_set)) == Scene.objects.count() == 2


def test_the_pairs_of_a_removed_photo_are_withdrawn(media_root):
    photo_set = imported(scenes=1)
    photo = photo_set.photos.get()
    pair = Pair.objects.create(
        campaign=make_campaign(photo_set=photo_set), position=1, scene=photo.scene,
        clip=make_clip(), purpose="sample", inclusion_probability=0.5,
    )  # fmt: skip
    remove_photo(photo_set_id=photo_set.pk, photo_id=photo.pk, actor_id=None)
    pair.refresh_from_db()
    assert pair.scene is None


def test_a_photo_that_its_sender_deletes_leaves_its_sets(lead):
    scene = make_scene()
    made = visitors_set(lead)
    delete_scene(scene_id=scene.pk, reason=DeletedScene.Reason.VISITOR)
    assert members(made) == set()


def test_leads_see_only_visitors_photos_that_may_be_judged_now(lead):
    shown, withdrawn = make_scene(), make_scene()
    made = visitors_set(lead)
    Scene.objects.filter(pk=withdrawn.pk).update(judging_allowed=False)
    photos, end = photos_page(made, after=0, size=10)
    assert ([photo.scene_id for photo in photos], end) == ([shown.pk], None)
    assert photo_set_counts(made).photos == 1


def test_the_queries_of_sets_join_the_photos_that_may_be_judged(lead):
    """PostgreSQL checks a subplan row by row if it is large: with many photos it takes minutes."""
    make_scene()
    made = visitors_set(lead)
    make_photo_set(name="Imported", made_by=None)
    with CaptureQueriesContext(connection) as captured:
        photo_set_rows()
        photos_page(made, after=0, size=10)
        refresh_visitors_set(photo_set_id=made.pk, actor_id=lead.pk)
    asked = [
        one["sql"]
        for one in captured
        if "retrieval_scene" in one["sql"] and not one["sql"].startswith("INSERT")
    ]
    assert len(asked) >= 4
    with connection.cursor() as cursor:
        for sql in asked:
            cursor.execute(f"EXPLAIN {sql}")
            assert "SubPlan" not in "".join(line for (line,) in cursor.fetchall())


def test_photos_are_counted_by_state_and_listed_in_pages(media_root, django_assert_num_queries):
    photo_set = imported("B", 4)
    empty = make_photo_set(name="A", made_by=None)
    make_campaign(photo_set=photo_set)
    one, other, *_ = photo_set.photos.all()
    Scene.objects.filter(pk=one.scene_id).update(
        state=JobState.DONE, finished_at="2026-01-01T00:00Z", run=make_scene().run
    )
    Scene.objects.filter(pk=other.scene_id).update(
        state=JobState.FAILED, finished_at="2026-01-01T00:00Z", failure_code="poison"
    )
    with django_assert_num_queries(3):
        rows = photo_set_rows()
    assert [(row.photo_set, row.campaigns) for row in rows] == [(empty, 0), (photo_set, 1)]
    counts = rows[1].counts
    assert (counts.photos, counts.matched, counts.waiting, counts.failed) == (4, 1, 2, 1)
    photos, end = photos_page(photo_set, after=0, size=3)
    assert (len(photos), end) == (3, photos[-1].pk)
    photos, end = photos_page(photo_set, after=end or 0, size=3)
    assert (len(photos), end) == (1, None)
