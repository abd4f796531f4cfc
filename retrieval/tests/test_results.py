"""What a result page says of recordings that were withdrawn after they had been found."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from PIL import Image

from retrieval import photo_pool, tasks
from retrieval.engine import matchers
from retrieval.models import Clip, Scene
from retrieval.selectors.results import playable, result_of
from retrieval.services.library import advance_snapshot
from retrieval.services.matching import SoundFinder
from retrieval.services.scenes import find_sounds
from retrieval.tests.factories import DUMMY_MATCHER
from retrieval.tests.fakes import dummy_registry


@pytest.fixture(autouse=True)
def close_pool():
    yield
    photo_pool.close_photo_pool()


@pytest.fixture
def scene(client, settings, monkeypatch, media_root, index_directory, tmp_path, make_clip):
    """A scene whose best recording is the third of seven."""
    settings.SOUNDSCAPE_MATCHER = "dummy"
    monkeypatch.setitem(matchers._MATCHERS, "dummy", lambda: DUMMY_MATCHER)
    monkeypatch.setattr(tasks.find_sounds_for_scene, "delay", lambda _: None)
    for number in range(7):
        make_clip(np.full(7, 0.02) + np.eye(7)[number] * 0.86)
    pixels = np.full((224, 224, 3), 10, dtype=np.uint8)
    pixels[64:96] = 250
    photo = io.BytesIO()
    Image.fromarray(pixels).save(photo, "PNG")
    photo.seek(0)
    client.post("/scenes/", {"photo": photo})
    finder = SoundFinder(
        DUMMY_MATCHER, registry=dummy_registry(tmp_path), index_directory=index_directory
    )
    find_sounds(Scene.objects.get().pk, finder=finder, worker="w")
    return Scene.objects.select_related("run").get()


def withdraw(*ids):
    Clip.objects.filter(pk__in=ids).update(removed_in=advance_snapshot())


def page_of(client, scene):
    return client.get(f"/scenes/{scene.pk}/").content.decode()


def test_the_next_takes_the_place_of_a_withdrawn_best(client, scene):
    before = result_of(scene)
    assert not any(view.clip.withdrawn for view in (before.best, *before.alternatives))
    withdraw(before.best.clip.id)

    after = result_of(scene)
    assert after.best.clip.id == before.alternatives[0].clip.id
    assert after.best.rank == 2
    assert after.why["divergence_nats"] == after.best.divergence_nats
    assert after.why["total_nats"] == after.best.total_nats
    assert after.why != before.why
    assert [view.rank for view in (*after.alternatives, *after.later)] == [1, 3, 4, 5, 6, 7]
    assert after.alternatives[0].clip.withdrawn

    page = page_of(client, scene)
    assert page.count("withdrawn from the library") == 1
    assert before.best.clip.title in page
    assert before.best.clip.audio_url not in page
    assert after.best.clip.audio_url in page


def test_a_result_without_any_recording_left_says_so(client, scene):
    urls = [playable(clip).audio_url for clip in Clip.objects.all()]
    assert any(url in page_of(client, scene) for url in urls)
    withdraw(*Clip.objects.values_list("pk", flat=True))
    page = page_of(client, scene)
    assert "These recordings have been withdrawn" in page
    assert not any(url in page for url in urls)
    assert not re.search(r"data-main|data-result|data-why", page)


def test_pages_of_scenes_are_for_those_who_have_the_link(client, scene):
    assert '<meta name="robots" content="noindex">' in page_of(client, scene)
    assert "noindex" not in client.get("/").content.decode()


def test_every_recording_can_be_told_apart_without_scripts(client, scene):
    page = page_of(client, scene)
    titles = re.findall(r'<noscript><audio[^>]* aria-label="([^"]+)"', page)
    assert len(set(titles)) == 5
    plain = re.findall(r"</button><noscript>([^<]+)</noscript></h3>", page)
    assert plain == titles[1:]
    assert all("needs-script" in tag for tag in re.findall(r"<button[^>]*data-swap", page))
    assert '<label for="photo">Your photo</label>' in client.get("/").content.decode()


def test_a_waiting_photo_has_three_stages(client, scene):
    Scene.objects.update(state="queued", run=None, finished_at=None, started_at=None)
    page = client.get(f"/scenes/{scene.pk}/progress/").content.decode()
    stages = re.findall(r"<li ([^>]*)>([^<]+)</li>", page)
    assert [words for _, words in stages] == ["Queued", "Looking", "Matching"]
    assert [attributes.strip() for attributes, _ in stages] == ['aria-current="step"', "", ""]
