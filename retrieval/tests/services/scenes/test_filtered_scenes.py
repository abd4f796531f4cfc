"""Photos whose result is restricted to recordings that pass a filter."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from retrieval.catalogue.licences import COMMERCIAL
from retrieval.models import Clip, JobState, MatchRun, Scene, SceneRematch
from retrieval.selectors.clip_filters import EVERY_CLIP, ClipFilter
from retrieval.selectors.library import library_state
from retrieval.selectors.results import runs_by_matcher, unfiltered_runs_of_scenes
from retrieval.selectors.scenes import deciding_rematch
from retrieval.selectors.thumbs import ThumbGiver, thumb_summary
from retrieval.services.clip_care import change_clip
from retrieval.services.rematching import request_rematch, run_rematch
from retrieval.services.scenes import find_sounds
from retrieval.services.thumbs import give_thumb
from retrieval.services.uploads import create_scene
from retrieval.tests.factories import small_matchers
from retrieval.tests.photos import decoded_photo

pytestmark = pytest.mark.django_db

LONG = ClipFilter(min_duration_s=15.0)
SALEABLE = ClipFilter(licenses=COMMERCIAL)
NONE = ClipFilter(tag="volcano")


@pytest.fixture
def clips(clips):
    """Seven recordings: the best one is short, every other one long."""
    for number, clip in enumerate(clips):
        clip.duration_s = 5.0 if number % 2 else 30.0
        clip.license = "CC-BY-NC-4.0" if number == 6 else "CC0-1.0"
    Clip.objects.bulk_update(clips, ["duration_s", "license"])
    return clips


@pytest.fixture
def send(media_root, clips, finder):
    """Send a photo, the same one by default, and match it."""

    def sending(clip_filter=EVERY_CLIP, number=0):
        scene = create_scene(
            decoded=decoded_photo(number), matcher=small_matchers()["paper"], queue_limit=99,
            owner_id=None, clip_filter=clip_filter,
        )  # fmt: skip
        find_sounds(scene_id=scene.pk, finder=finder, worker="w")
        return Scene.objects.select_related("run").get(pk=scene.pk)

    return sending


@pytest.fixture
def ask(finder):
    """Ask for another result, and search for it if it is not stored."""

    def asking(scene, clip_filter=EVERY_CLIP, *, work=True):
        rematch = request_rematch(
            scene_id=scene.pk, matcher=small_matchers()["paper"], allowances=(), queue_limit=99,
            clip_filter=clip_filter,
        )  # fmt: skip
        if work and rematch is not None:
            run_rematch(rematch_id=rematch.pk, finder=finder, worker="w")
        return rematch

    return asking


def shown(scene):
    scene = Scene.objects.select_related("run").get(pk=scene.pk)
    return scene.run.clip_filter


def durations(run):
    return {match.clip.duration_s for match in run.matches.select_related("clip")}


def test_a_search_with_a_filter_is_stored_beside_one_of_the_whole_library(send):
    scene = send(LONG)
    assert scene.run.clip_filter == {"min_duration_s": 15.0}
    assert durations(scene.run) == {30.0}
    assert scene.run.matches.count() == 4
    assert runs_by_matcher(scene) == {"paper": scene.run}
    whole = MatchRun.objects.get(clip_filter={})
    assert unfiltered_runs_of_scenes([scene]) == {scene.pk: {"paper": whole}}
    assert durations(whole) == {5.0, 30.0}


def test_no_result_is_reused_under_another_filter(send):
    first = send(LONG)
    assert send().run.clip_filter == {}
    assert send(SALEABLE).run.clip_filter == SALEABLE.as_json()
    assert send(ClipFilter(min_duration_s=15)).run == first.run
    assert MatchRun.objects.count() == 3


def test_a_repeated_search_of_one_library_with_another_filter_is_a_job_of_its_own(send, ask):
    scene = send()
    jobs = [ask(scene, wanted, work=False) for wanted in (LONG, SALEABLE)]
    assert len({job.pk for job in jobs}) == 2
    assert ask(scene, LONG, work=False) == jobs[0]
    assert shown(scene) == {}
    assert ask(scene, LONG) == jobs[0]
    assert shown(scene) == LONG.as_json()
    assert jobs[1].pk == SceneRematch.objects.get(state=JobState.QUEUED).pk


def test_the_last_request_decides(send, ask, finder):
    scene = send()
    older = ask(scene, LONG, work=False)
    ask(scene, SALEABLE)
    run_rematch(rematch_id=older.pk, finder=finder, worker="w")
    assert shown(scene) == SALEABLE.as_json()
    assert ask(scene, LONG) is None  # it is stored
    assert shown(scene) == LONG.as_json()
    assert ask(scene) is None
    assert shown(scene) == {}


def test_what_a_photo_waits_for(send, ask, finder):
    scene = send()
    assert deciding_rematch(scene) is None
    job = ask(scene, LONG, work=False)
    assert deciding_rematch(scene) == job
    other = ask(scene, SALEABLE, work=False)
    SceneRematch.objects.filter(pk=other.pk).update(
        state=JobState.FAILED, failure_code="poison", finished_at=scene.finished_at
    )
    SceneRematch.objects.filter(pk=job.pk).update(asked_at=scene.finished_at)
    assert deciding_rematch(scene) == other
    ask(scene)  # what it shows already: nothing else is waited for
    assert deciding_rematch(Scene.objects.get(pk=scene.pk)) is None


def test_nothing_passes(send, ask):
    scene = send(NONE)
    assert scene.state == JobState.DONE
    assert scene.run.matches.count() == 0
    other = send(number=1)
    ask(other, NONE)
    assert shown(other) == NONE.as_json()
    assert unfiltered_runs_of_scenes([scene])[scene.pk]["paper"].matches.count() == 7


@pytest.mark.parametrize("changes", [{"license": "CC-BY-NC-4.0"}, {"tags": ["x"]}])
def test_a_result_is_not_reused_after_a_fact_has_changed(send, ask, clips, changes):
    scene = send(SALEABLE)
    best = scene.run.matches.get(rank=1).clip
    before = library_state().snapshot
    change_clip(clip_id=best.pk, changes=changes, versions=None, actor_id=1)
    assert library_state().snapshot == before + 1
    ask(scene, SALEABLE)
    run = MatchRun.objects.get(scenes=scene)
    assert run.matches.filter(clip=best).exists() is ("tags" in changes)
    change_clip(clip_id=best.pk, changes={"title": "Other"}, versions=None, actor_id=1)
    assert library_state().snapshot == before + 1


def test_thumbs_on_a_filtered_result_are_not_counted(send, ask):
    scene = send()
    giver = ThumbGiver(browser_key="1" * 64)
    for wanted in (EVERY_CLIP, LONG):
        ask(scene, wanted)
        run = MatchRun.objects.get(scenes=scene)
        match = run.matches.get(rank=1)
        give_thumb(scene_id=scene.pk, match_id=match.pk, giver=giver, fits=wanted is EVERY_CLIP)
    (counted,) = thumb_summary([scene.pk]).counts.values()
    assert (counted.fits, counted.does_not_fit) == (1, 0)


def test_a_filter_is_an_object(send, ask):
    scene = send()
    ask(scene, LONG, work=False)
    for model, name in ((MatchRun, "matchrun"), (Scene, "scene"), (SceneRematch, "scenerematch")):
        with (
            pytest.raises(IntegrityError, match=f"retrieval_{name}_filter_is_object"),
            transaction.atomic(),
        ):
            model.objects.update(clip_filter=[])


def test_a_run_is_stored_once_a_filter(send):
    run = send(LONG).run
    run.pk = None
    with pytest.raises(IntegrityError, match="retrieval_matchrun_once"), transaction.atomic():
        run.save(force_insert=True)
    run.clip_filter = {"min_duration_s": 16.0}
    run.save(force_insert=True)
