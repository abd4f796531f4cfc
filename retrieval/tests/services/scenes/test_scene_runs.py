"""What is stored of a photo: runs of each matcher, profiles, views."""

from __future__ import annotations

import io
from datetime import timedelta

import numpy as np
import pytest
import time_machine
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone
from PIL import Image

from retrieval.engine.matching.bank import Bank
from retrieval.engine.matching.strength import strengths_of
from retrieval.engine.photos.images import photo_views
from retrieval.models import ClipProfile, JobState, Match, MatchRun, Scene, SceneProfile
from retrieval.services import uploads
from retrieval.services.library import advance_snapshot
from retrieval.services.scenes import find_sounds
from retrieval.tests.factories import (
    DUMMY,
    DUMMY_HEARD,
    DUMMY_WHOLE,
    dummy_space_row,
    small_matchers,
)
from retrieval.tests.services.scenes.uploading import photo, upload

pytestmark = pytest.mark.django_db


def add_sound_profile(clip, scores):
    """Profile a clip in the space `heard` too."""
    dummy_space_row(DUMMY_HEARD)
    with transaction.atomic():
        ClipProfile.objects.create(
            clip=clip, space_id=DUMMY_HEARD.name, classes=5, model_version=DUMMY_HEARD.audio_model,
            distribution=DUMMY_HEARD.clip_profile(scores).values, added_in=advance_snapshot(),
        )  # fmt: skip


@pytest.fixture
def heard_clips(clips):
    for i, clip in enumerate(clips):
        add_sound_profile(clip, np.eye(5)[i % 5])
    return clips


ALL = ("paper", "heard", "fused")


def test_the_run_of_each_matcher_is_stored_and_the_configured_one_is_the_scenes(
    site, heard_clips, make_finder, settings
):
    settings.SOUNDSCAPE_MATCHER = "fused"
    upload(site, photo(bright_strip=2))
    scene = Scene.objects.get()
    find_sounds(scene_id=scene.pk, finder=make_finder("fused"), worker="w")
    scene.refresh_from_db()
    runs = {run.matcher: run for run in MatchRun.objects.all()}
    assert set(runs) == set(ALL)
    assert scene.run == runs["fused"]
    known = small_matchers()
    for name, run in runs.items():
        matcher = known[name]
        assert run.photo_sha256 == scene.photo_sha256
        assert (run.matcher_version, run.bank) == (matcher.version, matcher.bank.version)
        assert run.model_versions == {
            space.name: {"image": space.image_model, "audio": space.audio_model}
            for space in matcher.spaces
        }
        best = run.matches.get(rank=1)
        assert {row.space_id for row in best.divergences.all()} == set(run.model_versions)
        if name == "paper":
            assert (best.fit, best.strength) == (None, "")
        else:
            assert best.fit is not None
            assert 0 < best.fit < 1
            assert best.strength == strengths_of([best.fit])[0].value
        assert best.explained is not None
        assert best.standard is not None
        assert [told["space"] for told in best.explanations] == [
            space.name for space in reversed(matcher.spaces)
        ]
    assert runs["paper"].matches.get(rank=1).clip == heard_clips[2]
    profiles = SceneProfile.objects.values_list("space_id", "model_version")
    assert set(profiles) == {
        (DUMMY.name, DUMMY.image_model), (DUMMY.name, DUMMY_WHOLE.image_model),
        (DUMMY_HEARD.name, DUMMY_HEARD.image_model),
    }  # fmt: skip


def test_a_matcher_without_all_profiles_stores_nothing(site, clips, make_finder, settings):
    settings.SOUNDSCAPE_MATCHER = "fused"
    for clip in clips[:3]:
        add_sound_profile(clip, np.eye(5)[0])
    upload(site, photo(bright_strip=2))
    scene = Scene.objects.get()
    find_sounds(scene_id=scene.pk, finder=make_finder("fused"), worker="w")
    scene.refresh_from_db()
    run = MatchRun.objects.get()
    assert (scene.state, scene.run, run.matcher) == (JobState.DONE, run, "paper")
    assert SceneProfile.objects.get().model_version == DUMMY.image_model


def test_takes_are_stored_with_their_best_match(site, finder, make_clip):
    source = "https://example.org/sea"
    first, other = (
        make_clip(np.full(7, share / 6) + np.eye(7)[2] * (1 - share * 7 / 6), source_url=source)
        for share in (0.1, 0.5)
    )
    upload(site, photo(bright_strip=2))
    find_sounds(scene_id=Scene.objects.get().pk, finder=finder, worker="w")
    match = Match.objects.get()
    assert (match.rank, match.clip, match.takes) == (1, first, [other.pk])


def test_a_repeated_photo_is_done_if_the_configured_matcher_has_a_run(
    site, heard_clips, make_finder, settings
):
    upload(site, photo())
    find_sounds(scene_id=Scene.objects.get().pk, finder=make_finder("paper"), worker="w")
    for name in ALL:
        settings.SOUNDSCAPE_MATCHER = name
        upload(site, photo())
        newest = Scene.objects.latest("created_at")
        assert newest.run is not None
        assert (newest.state, newest.run.matcher) == (JobState.DONE, name)
    assert MatchRun.objects.count() == len(ALL)


def test_a_scene_done_at_once_is_finished_by_the_databases_clock(
    site, heard_clips, make_finder, settings
):
    settings.SOUNDSCAPE_MATCHER = "paper"
    upload(site, photo())
    find_sounds(scene_id=Scene.objects.get().pk, finder=make_finder("paper"), worker="w")
    with time_machine.travel(timezone.now() + timedelta(hours=2)):  # web's clock is wrong
        upload(site, photo())
    newest = Scene.objects.latest("created_at")
    assert newest.finished_at is not None
    assert newest.finished_at - newest.created_at < timedelta(minutes=1)


def test_another_bank_queues_a_repeated_photo(
    site, heard_clips, make_finder, settings, monkeypatch
):
    settings.SOUNDSCAPE_MATCHER = "fused"
    upload(site, photo())
    find_sounds(scene_id=Scene.objects.get().pk, finder=make_finder("fused"), worker="w")
    changed = small_matchers()
    bank = changed["fused"].bank
    changed["fused"].bank = Bank("photos-1", versions=bank.versions, load=bank.load)
    monkeypatch.setattr(uploads, "matcher_in_force", changed.__getitem__)
    upload(site, photo())
    assert Scene.objects.filter(state=JobState.QUEUED).count() == 1


def test_all_views_are_stored_for_the_model(site, clips, finder):
    wide = Image.open(photo(bright_strip=2)).resize((300, 200))
    stream = io.BytesIO()
    wide.save(stream, "PNG")
    stream.seek(0)
    stream.name = "wide.png"
    upload(site, stream)
    scene = Scene.objects.get()
    with default_storage.open(str(scene.model_input.name)) as kept:
        views = np.frombuffer(kept.read(), dtype=np.uint8).reshape(-1, 224, 224, 3)
    assert np.array_equal(views, photo_views(wide, 224))
    assert len(views) == 4


def test_all_matchers_but_paper_use_every_view(site, heard_clips, make_finder, settings):
    settings.SOUNDSCAPE_MATCHER = "fused"
    upload(site, photo(bright_strip=1))
    scene = Scene.objects.get()
    views = np.full((2, 224, 224, 3), 0, dtype=np.uint8)
    views[0, 32:64] = views[1, 192:] = 200  # strip 1: wind; strip 6: birds
    with default_storage.open(str(scene.model_input.name), "wb") as stream:
        stream.write(views.tobytes())
    find_sounds(scene_id=scene.pk, finder=make_finder("fused"), worker="w")
    heard = SceneProfile.objects.get(space_id=DUMMY_HEARD.name).distribution
    np.testing.assert_allclose(heard, [0, 0.5, 0, 0.5, 0], atol=1e-7)
    things = SceneProfile.objects.filter(space_id=DUMMY.name)
    centre, whole = (
        things.get(model_version=space.image_model).distribution for space in (DUMMY, DUMMY_WHOLE)
    )
    np.testing.assert_allclose(centre, np.eye(7)[1], atol=1e-7)
    np.testing.assert_allclose(whole, (np.eye(7)[1] + np.eye(7)[6]) / 2, atol=1e-7)


def test_a_photo_queued_before_an_upgrade_is_matched(site, clips, finder):
    """Earlier releases stored the centre view only."""
    upload(site, photo(bright_strip=3))
    scene = Scene.objects.get()
    with default_storage.open(str(scene.model_input.name), "wb") as stream:
        stream.write(photo_views(Image.open(photo(bright_strip=4)), 224)[0].tobytes())
    find_sounds(scene_id=scene.pk, finder=finder, worker="w")
    scene.refresh_from_db()
    assert scene.state == JobState.DONE
    assert Match.objects.get(run=scene.run, rank=1).clip == clips[4]


@pytest.mark.parametrize("count", [0, 224 * 224 * 3 - 1, 224 * 224 * 3 + 1])
def test_incomplete_views_are_not_classified(site, clips, finder, count):
    upload(site, photo())
    scene = Scene.objects.get()
    with default_storage.open(str(scene.model_input.name), "wb") as stream:
        stream.write(bytes(count))
    find_sounds(scene_id=scene.pk, finder=finder, worker="w")
    scene.refresh_from_db()
    assert (scene.state, scene.failure_code) == (JobState.FAILED, "model_input")
    assert f"has {count} bytes" in scene.failure_detail
    assert not SceneProfile.objects.exists()
