"""The admin: overrides of expected sounds, read-only lists, photo banks."""

from __future__ import annotations

import re

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from retrieval.engine.spaces.space import heard
from retrieval.models import (
    BankMoments,
    Clip,
    DataExport,
    HeardOverride,
    JobState,
    LibraryProfiling,
    Match,
    MatchRun,
    PhotoBank,
    Scene,
    Thumb,
    Visibility,
)
from retrieval.selectors.matchers import matcher_in_force, site_recipe, table_up_to
from retrieval.services.scene_settings import change_settings
from retrieval.tests.admin.forms import BEACON, override_values
from retrieval.tests.factories import DUMMY
from retrieval.tests.photos import accepted

pytestmark = pytest.mark.django_db

ADD = "/admin/retrieval/heardoverride/add/"


def post(admin_client, **fields):
    return admin_client.post(ADD, override_values(**fields))


def errors(answer):
    return str(answer.context["adminform"].form.errors)


def test_an_override_applies_at_once(admin_client, admin_user):
    before = matcher_in_force("fused")
    assert post(admin_client).status_code == 302
    override = HeardOverride.objects.get()
    assert override.author == admin_user.pk
    entry = table_up_to(site_recipe().override_id).entry(BEACON)
    assert [(sound.label.name, sound.weight) for sound in entry.sounds] == [("Foghorn", 1.0)]
    after = matcher_in_force("fused")
    assert after.image_models["heard"] != before.image_models["heard"]
    assert after.image_models["objects"] == before.image_models["objects"]
    assert after.bank.version != before.bank.version


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"sounds": [("Foghorn", "0.5")]}, "weights sum to 0.5, not to 1"),
        ({"sounds": [("Foghorn", "-1"), ("Wind", "2")]}, "are not all positive"),
        ({"sounds": [("Mermaids", "1")]}, "no class called &#x27;Mermaids&#x27;"),
        ({"sounds": [("Wind", "0.5"), ("Wind", "0.5")]}, "“Wind” is in two rows"),
        ({"sounds": [("Wind", "much")]}, "weight of “Wind” is “much”, not a number"),
        ({"sounds": [("Wind", "nan")]}, "weight of “Wind” is “nan”, not a number"),
        ({"sounds": [("Wind", "")]}, "Each row needs a sound and a weight: “Wind”, “”"),
        ({"sounds": [("", "1")]}, "Each row needs a sound and a weight: “”, “1”"),
        ({"wnid": "n00000000"}, "n00000000 is not one of the available choices"),
        ({"why": ""}, "This field is required"),
    ],
)
def test_an_invalid_override_is_rejected_with_a_message(admin_client, fields, message):
    answer = post(admin_client, **fields)
    assert answer.status_code == 200
    assert message in errors(answer)
    assert list(answer.context["adminform"].form.errors) == list(fields)
    assert not HeardOverride.objects.exists()


def test_an_override_without_sounds_is_allowed(admin_client):
    assert post(admin_client, sounds=[]).status_code == 302
    assert table_up_to(site_recipe().override_id).entry(BEACON).sounds == ()


def test_an_override_can_be_neither_changed_nor_deleted(admin_client):
    post(admin_client)
    pk = HeardOverride.objects.get().pk
    change = f"/admin/retrieval/heardoverride/{pk}/"
    assert admin_client.post(f"{change}change/", {"why": "other"}).status_code == 403
    assert admin_client.post(f"{change}delete/", {"post": "yes"}).status_code == 403
    assert "beacon" in admin_client.get("/admin/retrieval/heardoverride/").content.decode()


def test_recordings_are_searched_by_sound_and_filtered_by_flag(admin_client, make_clip):
    quiet, spoken = make_clip([1, 0, 0, 0, 0, 0, 0]), make_clip([0, 1, 0, 0, 0, 0, 0])
    Clip.objects.filter(pk=quiet.pk).update(
        sounds=[{"key": "/m/x", "name": "foghorn", "score": 0.9}], sound_tags=["foghorn"]
    )
    Clip.objects.filter(pk=spoken.pk).update(flags=["speech"])
    listed = admin_client.get("/admin/retrieval/clip/?q=foghorn").content.decode()
    assert "Search for words about a recording" in listed
    assert quiet.title in listed
    assert spoken.title not in listed
    for part_of_the_data in ("score", "/m/x"):
        found = admin_client.get(f"/admin/retrieval/clip/?q={part_of_the_data}").content.decode()
        assert quiet.title not in found
    flagged = admin_client.get("/admin/retrieval/clip/?flag=speech").content.decode()
    assert spoken.title in flagged
    assert quiet.title not in flagged


@pytest.mark.parametrize(
    "page", ["libraryprofiling", "profilefailure", "photobank", "heardoverride", "clip"]
)
def test_lists_open_and_derived_rows_cannot_be_added(admin_client, page):
    assert admin_client.get(f"/admin/retrieval/{page}/").status_code == 200
    if page in {"libraryprofiling", "profilefailure", "photobank"}:
        assert admin_client.get(f"/admin/retrieval/{page}/add/").status_code == 403


def test_missing_profiles_are_counted_for_open_jobs_only(admin_client, make_clip):
    make_clip(np.full(7, 1 / 7))
    page = "/admin/retrieval/libraryprofiling/"
    jobs = [LibraryProfiling(space_id=DUMMY.name, model_version=f"m@{i}") for i in range(3)]
    for one in jobs[:2]:
        one.state, one.finished_at = JobState.DONE, timezone.now()
    LibraryProfiling.objects.bulk_create(jobs)
    with CaptureQueriesContext(connection) as queries:
        listed = admin_client.get(page).content.decode()
    assert sum("NOT EXISTS" in query["sql"] for query in queries) == 1
    assert re.findall(r'class="field-left">(.*?)</td>', listed) == ["1", "-", "-"]


def test_the_weights_are_stored_unchanged(admin_client):
    post(admin_client, sounds=[("Wind", "0.25"), ("", ""), ("Waves, surf", "0.75")])
    assert HeardOverride.objects.get().sounds == {"Wind": 0.25, "Waves, surf": 0.75}


def test_class_and_sounds_are_chosen_from_lists(admin_client):
    page = admin_client.get(ADD).content.decode()
    (classes,) = re.findall(r'<select name="wnid".*?</select>', page, re.DOTALL)
    assert classes.count("<option") == 1001  # and the empty one
    assert f'<option value="{BEACON}">beacon</option>' in classes
    assert '<option value="n02012849">crane (n02012849)</option>' in classes  # two have this name
    (names,) = re.findall(r'<datalist id="sounds-names">.*?</datalist>', page, re.DOTALL)
    assert names.count("<option") == 521
    assert '<option value="Waves, surf">' in names
    assert page.count('list="sounds-names"') == page.count('name="sounds-weight"') == 14


def test_a_refused_override_keeps_what_was_written(admin_client):
    page = post(admin_client, sounds=[("Wind", "0.4"), ("Foghorn", "0.4")]).content.decode()
    assert re.findall(r'name="sounds-sound" value="([^"]+)"', page) == ["Wind", "Foghorn"]
    assert re.findall(r'name="sounds-weight" value="([^"]+)"', page) == ["0.4", "0.4"]


def test_an_override_with_sounds_does_not_restore_the_programs(admin_client):
    answer = post(admin_client, taken_back="on")
    assert "restored only without sounds" in errors(answer)
    assert not HeardOverride.objects.exists()
    assert post(admin_client, taken_back="on", sounds=[]).status_code == 302


def test_overrides_are_listed_and_shown_in_words(admin_client, admin_user):
    post(admin_client, sounds=[("Wind", "0.25"), ("Waves, surf", "0.75")], why="the sea is near")
    post(admin_client, sounds=[], why="silent")
    post(admin_client, sounds=[], taken_back="on", why="a mistake")
    listed = admin_client.get("/admin/retrieval/heardoverride/?q=BEACON").content.decode()
    heard = re.findall(r'class="field-heard">(.*?)</td>', listed)
    assert heard == [
        "the program&#x27;s own sounds again", "no sound", "Waves, surf 0.75; Wind 0.25",
    ]  # fmt: skip
    assert listed.count(f'class="field-writer">{admin_user.username}</td>') == 3
    oldest = HeardOverride.objects.earliest("pk")
    shown = admin_client.get(f"/admin/retrieval/heardoverride/{oldest.pk}/change/").content.decode()
    assert f"beacon ({BEACON})" in shown
    assert "Waves, surf 0.75; Wind 0.25" in shown
    assert "the sea is near" in shown
    none = admin_client.get("/admin/retrieval/heardoverride/?q=volcano").content.decode()
    assert "0 heard overrides" in none


@pytest.fixture
def add_thumbs(media_root, make_clip, admin_user):
    """Return a function that adds thumbs, each on a match, run and recording of its own."""

    def adding(numbers):
        for number in numbers:
            scene = accepted(number)
            run = MatchRun.objects.create(
                photo_sha256=scene.photo_sha256, matcher="paper", matcher_version=1,
                model_versions={}, snapshot=1, library_size=1, search_seconds=0.1,
            )  # fmt: skip
            clip = make_clip(np.full(7, 1 / 7), title=f"Recording {number}")
            match = Match.objects.create(run=run, clip=clip, rank=1, score=0.0)
            Thumb.objects.create(match=match, scene=scene, account=admin_user, fits=True)

    return adding


def test_thumbs_are_shown_without_their_givers_and_photos_and_not_changed(
    admin_client, admin_user, add_thumbs
):
    add_thumbs([1])
    thumb = Thumb.objects.get()
    page = f"/admin/retrieval/thumb/{thumb.pk}/change/"
    shown = admin_client.get(page).content.decode()
    assert "Recording 1" in shown
    assert str(thumb.scene_id) not in shown
    assert "field-account" not in shown
    for act in ("change", "delete"):
        assert admin_client.post(page.replace("change", act), {"post": "yes"}).status_code == 403
    assert admin_client.get("/admin/retrieval/thumb/add/").status_code == 403


def test_deleting_a_bank_restores_the_one_before(admin_client):
    before, bad = (PhotoBank.objects.create(photos=300, digest=f"{i:012}") for i in range(2))
    space = heard()
    BankMoments.objects.create(
        bank=bad, space_id=space.name, classes=len(space), model_version=space.image_model,
        mean=np.full(len(space), 1 / len(space)), covariance=bytes(8 * len(space) ** 2),
    )  # fmt: skip
    assert site_recipe().bank_id == bad.pk
    page = f"/admin/retrieval/photobank/{bad.pk}"
    assert admin_client.post(f"{page}/delete/", {"post": "yes"}).status_code == 302
    assert site_recipe().bank_id == before.pk
    assert not BankMoments.objects.exists()
    change = admin_client.post(f"/admin/retrieval/photobank/{before.pk}/change/", {"photos": 9})
    assert change.status_code == 403


def test_operators_see_the_state_of_photos_but_not_what_belongs_to_their_owners(
    admin_client, media_root
):
    scene = accepted(1)
    change_settings(
        scene_id=scene.pk, actor_id=None, title="Secret beach", visibility=Visibility.PRIVATE
    )
    hidden = {"hidden_at": timezone.now(), "hidden_reason": "It shows a face"}
    Scene.objects.filter(pk=scene.pk).update(**hidden)
    for address in ("", f"{scene.pk}/change/"):
        page = admin_client.get(f"/admin/retrieval/scene/{address}").content.decode()
        assert "queued" in page.lower()
        for words in ("Secret beach", "Only you", "It shows a face", str(scene.photo.name)):
            assert words not in page


def test_operators_see_why_an_export_failed_but_not_the_file(admin_client, admin_user):
    export = DataExport.objects.create(
        user=admin_user, state=JobState.FAILED, failure_code="poison", attempts=3,
        finished_at=timezone.now(), file="exports/secret.zip",
    )  # fmt: skip
    page = f"/admin/retrieval/dataexport/{export.pk}/change/"
    for address in (page, "/admin/retrieval/dataexport/"):
        shown = admin_client.get(address).content.decode()
        assert "poison" in shown
        assert admin_user.username in shown
        assert "secret.zip" not in shown
    assert admin_client.post(page, {"state": "queued"}).status_code == 403
    assert admin_client.post(page.replace("change", "delete"), {"post": "yes"}).status_code == 403
