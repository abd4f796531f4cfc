"""The owner narrows down which recordings are searched; others read what was chosen."""

from __future__ import annotations

import re
from functools import partial

import numpy as np
import pytest

from retrieval import submission, tasks
from retrieval.models import Clip, JobState, MatchRun, Scene, SceneRematch
from retrieval.services.rematching import run_rematch
from retrieval.services.scenes import find_sounds
from retrieval.tests.factories import small_matchers
from retrieval.tests.fakes import dummy_finder
from retrieval.tests.views.visitors import ACCOUNT, ANONYMOUS, BROWSER, OPERATOR, OTHER
from retrieval.views import pages

pytestmark = pytest.mark.django_db

BOTH = {"commercial_use": "on", "long_enough": "on"}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def woken(settings, monkeypatch, upload):
    """The repeated searches for which a worker was woken."""
    settings.SOUNDSCAPE_MATCHER = "paper"
    monkeypatch.setattr(submission, "matcher_in_force", small_matchers().__getitem__)
    monkeypatch.setattr(pages, "worker_alive", lambda: True)
    ids: list[int] = []
    monkeypatch.setattr(tasks.rematch_scene, "delay", ids.append)
    return ids


@pytest.fixture
def work(tmp_path, index_directory):
    """Do what waits, as a worker does."""

    def working():
        finder = dummy_finder(tmp_path, index_directory)
        for rematch in SceneRematch.objects.filter(state=JobState.QUEUED):
            run_rematch(rematch_id=rematch.pk, finder=finder, worker="w")
        for scene in Scene.objects.filter(state=JobState.QUEUED):
            find_sounds(scene_id=scene.pk, finder=finder, worker="w")

    return working


@pytest.fixture
def saleable(make_clip):
    """A recording that passes; the first one is longer, but its licence is unknown."""
    return partial(make_clip, np.arange(1, 8) / 28, title="Harbour", duration_s=15.0)


def page_of(browser, scene):
    return browser.get(f"/scenes/{scene.pk}/").content.decode()


def narrow(browser, scene, fields, **headers):
    return browser.post(f"/scenes/{scene.pk}/narrow/", fields, headers=headers)


def ticked(page):
    boxes = re.findall(r'<input type="checkbox" name="(commercial_use|long_enough)"([^>]*)>', page)
    return [name for name, rest in boxes if "checked" in rest]


@pytest.mark.parametrize("owner", [BROWSER, ACCOUNT])
def test_the_owner_narrows_down_and_takes_it_back(
    upload, visitor, woken, work, saleable, owner, django_capture_on_commit_callbacks
):
    saleable()
    scene = upload(owner)
    browser = visitor(owner, scene)
    assert ticked(page_of(browser, scene)) == []
    with django_capture_on_commit_callbacks(execute=True):
        answer = narrow(browser, scene, BOTH)
    assert (answer.status_code, answer["Location"]) == (303, f"/scenes/{scene.pk}/#narrow")
    assert woken == [SceneRematch.objects.get().pk]
    waiting = page_of(browser, scene)
    assert "Searching the recordings again" in waiting
    assert '<noscript><meta http-equiv="refresh" content="2">' in waiting
    assert "Surf at night" in waiting  # the old result stays
    assert ticked(waiting) == ["commercial_use", "long_enough"]
    assert browser.get(f"/scenes/{scene.pk}/progress/?rematch").status_code == 204

    work()
    outcome = browser.get(f"/scenes/{scene.pk}/progress/?rematch").content.decode()
    for page in (outcome, page_of(browser, scene)):
        assert "may be used commercially · at least 15 s" in page
        assert "Harbour" in page
        assert "Surf at night" not in page
        assert 'of the recordings that pass <a href="#narrow">the filter</a>' in page
        assert ticked(page) == ["commercial_use", "long_enough"]
        assert "Searching" not in page

    narrow(browser, scene, {})  # "Search all recordings"
    page = page_of(browser, scene)
    assert "Surf at night" in page
    assert "of 2 recordings" in page
    assert ticked(page) == []
    assert "Search all recordings" not in page


def test_a_photo_is_searched_again_by_its_own_matcher(upload, visitor, woken):
    scene = upload(BROWSER)
    MatchRun.objects.filter(pk=scene.run_id).update(matcher="fused")
    narrow(visitor(BROWSER, scene), scene, BOTH)
    assert SceneRematch.objects.get().matcher == "fused"


def test_a_part_of_the_page_is_replaced_where_there_is_a_script(
    upload, visitor, woken, work, saleable
):
    saleable()
    scene = upload(BROWSER)
    browser = visitor(BROWSER, scene)
    answer = narrow(browser, scene, BOTH, **HTMX)
    part = answer.content.decode()
    assert answer.status_code == 200
    assert part.lstrip().startswith('<section class="card narrow" id="narrow"')
    assert f'hx-get="/scenes/{scene.pk}/progress/?rematch"' in part
    work()
    stored = narrow(browser, scene, BOTH, **HTMX)
    assert stored["HX-Retarget"] == "#outcome"
    assert 'id="outcome"' in stored.content.decode()


def test_nothing_passes(upload, visitor, woken, work):
    scene = upload(ACCOUNT)
    owner = visitor(ACCOUNT)
    narrow(owner, scene, BOTH)
    work()
    page = page_of(owner, scene)
    assert "No recording passes your filter" in page
    assert "Search all recordings" in page
    assert "data-player" not in page
    others = page_of(visitor(ANONYMOUS), scene)
    assert "No recording passes the filter of this photo" in others
    assert visitor(OTHER).get(f"/scenes/{scene.pk}/more/").status_code == 404
    listed = owner.get("/me/photos/")
    assert listed.status_code == 200
    Scene.objects.update(visibility="public")
    assert visitor(ANONYMOUS).get("/photos/").status_code == 200
    narrow(owner, scene, {})
    assert "Surf at night" in page_of(owner, scene)


def test_a_recording_whose_licence_was_changed_after_the_search_is_not_shown(
    upload, visitor, woken, work, saleable
):
    clip = saleable()
    scene = upload(BROWSER)
    browser = visitor(BROWSER, scene)
    narrow(browser, scene, BOTH)
    work()
    assert "Harbour" in page_of(browser, scene)
    Clip.objects.filter(pk=clip.pk).update(license="unknown")
    page = page_of(browser, scene)
    assert "Harbour" not in page
    assert "Ask for less, or search all recordings." in page


def test_what_fits_badly_is_no_fault_of_the_photo(upload, visitor, woken, work, make_clip):
    make_clip(np.full(7, 1e-6) + np.eye(7)[0], title="Far", duration_s=15.0)
    scene = upload(BROWSER)
    browser = visitor(BROWSER, scene)
    narrow(browser, scene, BOTH)
    work()
    page = page_of(browser, scene)
    assert "None of the recordings that pass the filter fits well." in page
    assert "Try a photo with scenery" not in page


@pytest.mark.parametrize("who", [ANONYMOUS, OTHER, OPERATOR])
def test_others_read_the_filter_and_cannot_change_it(upload, visitor, woken, work, saleable, who):
    saleable()
    scene = upload(ACCOUNT)
    assert 'id="narrow"' not in page_of(visitor(who), scene)
    narrow(visitor(ACCOUNT), scene, BOTH)
    assert "Searching" not in page_of(visitor(who), scene)
    work()
    page = page_of(visitor(who), scene)
    assert "may be used commercially · at least 15 s" in page
    assert not re.search("<form[^>]*/narrow/", page)
    assert narrow(visitor(who), scene, {}).status_code == 404
    assert not SceneRematch.objects.filter(state=JobState.QUEUED).exists()


def test_a_filter_that_the_form_cannot_say(upload, visitor, woken, work, make_clip):
    make_clip(np.full(7, 1 / 7), title="Gulls", tags=["<b>sea"], duration_s=20.0)
    scene = upload(BROWSER)
    Scene.objects.filter(pk=scene.pk).update(
        state=JobState.QUEUED, run=None, finished_at=None,
        clip_filter={
            "tag": "<b>sea", "licenses": ["CC-BY-4.0", "CC0-1.0"], "min_duration_s": 2.5,
            "max_duration_s": 1200.0,
        },
    )  # fmt: skip
    work()
    page = page_of(visitor(BROWSER, scene), scene)
    assert (
        "licence: CC BY 4.0, CC0 1.0 · at least 2.5 s · at most 1,200 s · tag: &lt;b&gt;sea" in page
    )
    assert ticked(page) == []


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_too_many_searches(upload, visitor, woken, settings, headers):
    scene = upload(ACCOUNT)
    owner = visitor(ACCOUNT)
    settings.SOUNDSCAPE_USER_LIMITS = (0, 0, 1)
    narrow(owner, scene, {"commercial_use": "on"})
    answer = narrow(owner, scene, BOTH, **headers)
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0
    page = answer.content.decode()
    assert "One after the other, please" in page
    assert ("<html" in page) is (not headers)
    settings.SOUNDSCAPE_USER_LIMITS = (0, 0, 0)
    settings.SOUNDSCAPE_QUEUE_LIMIT = 0
    assert narrow(owner, scene, BOTH, **headers).status_code == 503


def test_a_search_that_fails_is_told(upload, visitor, woken, work, monkeypatch):
    scene = upload(BROWSER)
    browser = visitor(BROWSER, scene)
    narrow(browser, scene, BOTH)
    SceneRematch.objects.update(
        state=JobState.FAILED, failure_code="poison", finished_at=scene.finished_at
    )
    page = page_of(browser, scene)
    assert "The search did not work" in page
    assert "Surf at night" in page
    assert browser.get(f"/scenes/{scene.pk}/progress/?rematch").status_code == 200


def test_an_unfinished_photo_is_not_searched_again(upload, visitor, woken):
    scene = upload(BROWSER, state=JobState.QUEUED, run=None, finished_at=None)
    browser = visitor(BROWSER, scene)
    assert 'id="narrow"' not in page_of(browser, scene)
    assert narrow(browser, scene, BOTH).status_code == 303
    assert not SceneRematch.objects.exists()
