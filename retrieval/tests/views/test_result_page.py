"""The result page: withdrawn recordings, explanations, strengths, comparisons."""

from __future__ import annotations

import gzip
import io
import re
from datetime import timedelta
from html.parser import HTMLParser

import numpy as np
import pytest
from django.utils import timezone
from PIL import Image

from retrieval import tasks
from retrieval.decoding import web_pool
from retrieval.models import Clip, ClipProfile, JobState, LibraryProfiling, Match, MatchRun, Scene
from retrieval.services import uploads
from retrieval.services.library import advance_snapshot
from retrieval.services.scenes import find_sounds
from retrieval.templatetags.players import audio_url
from retrieval.tests.factories import (
    DUMMY_HEARD,
    DUMMY_TABLE,
    dummy_space_row,
    small_matchers,
)
from retrieval.tests.fakes import dummy_finder
from retrieval.views import result_page
from retrieval.views.result_page import MATCHER_WORDS, result_of


@pytest.fixture(autouse=True)
def close_pool():
    yield
    web_pool.close_photo_pool()


@pytest.fixture
def site(monkeypatch, media_root, index_directory, make_clip):
    """Seven recordings; the i-th sounds like class i and like the sounds of its scenery."""
    for module, name in ((uploads, "matcher_in_force"), (result_page, "matcher_named")):
        monkeypatch.setattr(module, name, small_matchers().__getitem__)
    monkeypatch.setattr(tasks.find_sounds_for_scene, "delay", lambda _: None)
    for number in range(7):
        clip = make_clip(np.full(7, 0.02) + np.eye(7)[number] * 0.86)
        clip.sounds = [{"key": "s0", "name": "waves", "score": 0.8}] if number == 4 else []
        clip.save()
        add_profile(clip, DUMMY_TABLE.weights[number] * 4)


@pytest.fixture
def find(site, client, settings, tmp_path, index_directory):
    """Upload a photo that is bright in one strip, and match it."""

    def find_for(strip, *, matcher="paper"):
        settings.SOUNDSCAPE_MATCHER = matcher
        pixels = np.full((224, 224, 3), 10, dtype=np.uint8)
        pixels[32 * strip : 32 * (strip + 1)] = 250
        photo = io.BytesIO()
        Image.fromarray(pixels).save(photo, "PNG")
        photo.seek(0)
        client.post("/scenes/", {"photo": photo})
        finder = dummy_finder(tmp_path, index_directory, matcher)
        scene = Scene.objects.latest("created_at")
        find_sounds(scene_id=scene.pk, finder=finder, worker="w")
        return Scene.objects.select_related("run").get(pk=scene.pk)

    return find_for


@pytest.fixture
def scene(find):
    """A scene whose best recording is the third of seven."""
    return find(2)


def add_profile(clip, scores):
    dummy_space_row(DUMMY_HEARD)
    ClipProfile.objects.create(
        clip=clip, space_id=DUMMY_HEARD.name, classes=len(DUMMY_HEARD),
        model_version=DUMMY_HEARD.audio_model, added_in=clip.added_in,
        distribution=DUMMY_HEARD.clip_profile(scores).values,
    )  # fmt: skip


def withdraw(*ids):
    Clip.objects.filter(pk__in=ids).update(removed_in=advance_snapshot())


def page_of(client, scene):
    return client.get(f"/scenes/{scene.pk}/").content.decode()


def test_the_next_match_replaces_a_withdrawn_best(client, scene):
    before = result_of(scene)
    assert not any(view.clip.removed_in for view in (before.best, *before.alternatives))
    withdraw(before.best.clip.id)

    after = result_of(scene)
    assert after.best.clip.id == before.alternatives[0].clip.id
    assert after.best.rank == 2
    assert after.divergence_nats == after.best.divergences.get().divergence_nats
    assert after.divergence_nats != before.divergence_nats
    assert [view.rank for view in (*after.alternatives, *after.later)] == [1, 3, 4, 5, 6, 7]
    assert after.alternatives[0].clip.removed_in

    page = page_of(client, scene)
    assert page.count("withdrawn from the library") == 1
    assert before.best.clip.title in page
    assert audio_url(before.best.clip) not in page
    assert audio_url(after.best.clip) in page


def test_a_result_without_any_recording_left_reports_it(client, scene):
    urls = [audio_url(clip) for clip in Clip.objects.all()]
    assert any(url in page_of(client, scene) for url in urls)
    withdraw(*Clip.objects.values_list("pk", flat=True))
    page = page_of(client, scene)
    assert "These recordings have been withdrawn" in page
    assert not any(url in page for url in urls)
    assert not re.search(r"data-main|data-result|Why this sound", page)


def test_scene_pages_are_not_indexed_by_search_engines(client, scene):
    assert '<meta name="robots" content="noindex">' in page_of(client, scene)
    assert "noindex" not in client.get("/").content.decode()


def test_recordings_have_distinct_labels_without_scripts(client, scene):
    page = page_of(client, scene)
    titles = re.findall(r'<noscript><audio[^>]* aria-label="([^"]+)"', page)
    assert len(set(titles)) == 5
    assert re.findall(r"<h3>([^<]+)</h3>", page) == titles[1:]
    assert '<label for="photo">Your photo</label>' in client.get("/").content.decode()


def test_a_waiting_photo_has_three_stages(client, scene):
    Scene.objects.update(state="queued", run=None, finished_at=None, started_at=None)
    page = client.get(f"/scenes/{scene.pk}/progress/").content.decode()
    stages = re.findall(r"<li ([^>]*)>([^<]+)</li>", page)
    assert [words for _, words in stages] == ["Queued", "Looking", "Matching"]
    assert [attributes.strip() for attributes, _ in stages] == ['aria-current="step"', "", ""]


def test_the_explanation_names_expected_and_detected_sounds(client, find):
    scene = find(4, matcher="fused")
    result = result_of(scene)
    assert result.of_sounds
    assert [sound["name"] for sound in result.would_hear] == ["birds", "waves", "wind"]
    assert [sound["name"] for sound in result.best.clip.sounds] == ["waves"]
    page = " ".join(page_of(client, scene).split())
    assert "You would hear <strong>birds, waves and wind</strong> here." in page
    assert "In this recording you hear <strong>waves</strong>." in page
    assert "share of what one would hear" in page


def test_a_recording_without_detected_sounds_is_described_as_such(client, find):
    Clip.objects.update(sounds=[])
    page = " ".join(page_of(client, find(4, matcher="fused")).split())
    assert "In this recording nothing is heard for certain." in page


def test_a_match_by_objects_is_explained_by_objects(client, scene):
    result = result_of(scene)
    assert (result.would_hear, result.of_sounds) == ((), False)
    assert "You would hear" not in page_of(client, scene)


def test_every_match_shows_its_strength(client, find):
    scene = find(2, matcher="fused")
    stored = list(Match.objects.filter(run=scene.run).order_by("rank"))
    result = result_of(scene)
    views = [result.best, *result.alternatives, *result.later]
    assert [view.strength for view in views] == [match.strength for match in stored]
    assert len({match.strength for match in stored}) > 1
    assert page_of(client, scene).count(f"chip--{result.best.strength}") >= 1


def test_without_a_fitting_match_the_page_reports_it_and_does_not_play(client, find):
    scene = find(2, matcher="fused")
    words = "This does not look like a place we have sounds for. Try a photo with scenery."
    Match.objects.filter(run=scene.run).update(strength="weak")
    page = page_of(client, scene)
    assert words not in page
    assert 'data-result="plays"' in page
    Match.objects.filter(run=scene.run).update(strength="none")
    page = page_of(client, scene)
    assert words in page
    assert 'data-result="waits"' in page
    assert "The nearest" in page
    assert audio_url(result_of(scene).best.clip) in page


def test_the_sentence_about_the_photo_is_the_same_by_every_matcher(client, find):
    scene = find(2, matcher="fused")
    Match.objects.filter(run=scene.run).update(strength="none")
    for name in MATCHER_WORDS:
        assert not result_of(scene, matcher=name).fits
    Match.objects.filter(run=scene.run).update(strength="strong")
    for name in MATCHER_WORDS:
        assert result_of(scene, matcher=name).fits


def test_a_run_without_strengths_is_judged_by_its_advantage(scene):
    Match.objects.filter(run=scene.run).update(strength="", explained=None, standard=None)
    result = result_of(scene)
    assert result.fits == (result.best.explanations[0]["total_nats"] >= result_page.FITS_ABOVE_NATS)
    assert result.best.strength == ""


def test_matchers_can_be_compared(client, find):
    scene = find(2, matcher="fused")
    assert [way.name for way in result_of(scene).compared] == list(MATCHER_WORDS)
    page = page_of(client, scene)
    for name, words in MATCHER_WORDS.items():
        assert f'href="/scenes/{scene.pk}/?matcher={name}"' in page
        assert str(words) in page
    shown = client.get(f"/scenes/{scene.pk}/?matcher=paper").content.decode()
    assert "matcher paper v2" in shown
    assert "You would hear" not in shown
    more = client.get(
        f"/scenes/{scene.pk}/more/?matcher=paper", headers={"HX-Request": "true"}
    ).content.decode()
    paper = result_of(scene, matcher="paper")
    assert [audio_url(view.clip) in more for view in paper.later] == [True] * len(paper.later)
    assert paper.provenance.run.matcher == "paper"
    assert result_of(scene).provenance.run.matcher == "fused"


def test_an_unknown_matcher_in_the_address_is_ignored(client, find):
    scene = find(2, matcher="fused")
    page = client.get(f"/scenes/{scene.pk}/?matcher=magic%00<script>").content.decode()
    assert "matcher fused v2" in page
    assert "<script>" not in page.partition("<body")[2].partition("Compare")[2].lower()


def test_a_result_of_a_single_matcher_offers_no_comparison(client, find):
    remove_sounds(Clip.objects.all())
    scene = find(2)
    assert result_of(scene).compared == ()
    assert "Compare the ways to match" not in page_of(client, scene)


def test_other_takes_of_a_recording_can_be_played(client, find):
    Clip.objects.filter(path__in=["folder/clip-3.ogg", "folder/clip-7.ogg"]).update(
        source_url="https://example.org/same"
    )
    scene = find(2, matcher="fused")
    result = result_of(scene)
    assert len(result.best.takes) == 1
    assert len([result.best, *result.alternatives, *result.later]) == 6
    (take,) = Clip.objects.filter(pk__in=result.best.takes)
    assert audio_url(take) in page_of(client, scene)
    other = result.alternatives[0].clip
    chosen = client.get(f"/scenes/{scene.pk}/?clip={other.pk}").content.decode()
    assert "Why, and 1 more take" in chosen
    withdraw(take.pk)
    assert audio_url(take) not in page_of(client, scene)
    assert "more take" not in client.get(f"/scenes/{scene.pk}/?clip={other.pk}").content.decode()


def test_a_chosen_recording_is_explained_and_shared_in_place_of_the_best(client, scene):
    best = result_of(scene)
    other = best.later[-1]
    assert not best.is_chosen
    shown = result_of(scene, clip=str(other.clip_id))
    assert (shown.best.pk, shown.best.rank) == (other.pk, other.rank)
    assert [match.rank for match in (*shown.alternatives, *shown.later)] == [1, 2, 3, 4, 5, 6]
    assert shown.fits == best.fits  # which is said of the photo
    assert shown.divergence_nats == other.divergences.get().divergence_nats

    page = client.get(f"/scenes/{scene.pk}/?clip={other.clip_id}").content.decode()
    player = page.partition("data-main")[2].partition("</section>")[0]
    assert audio_url(other.clip) in player
    assert f'data-share-url="http://testserver/scenes/{scene.pk}/?clip={other.clip_id}"' in page
    assert f'href="/scenes/{scene.pk}/?clip={best.best.clip_id}" data-use' in page
    more = f"/scenes/{scene.pk}/more/?clip={other.clip_id}"
    rest = client.get(more, headers={"HX-Request": "true"}).content.decode()
    assert [audio_url(match.clip) in rest for match in shown.later] == [True] * len(shown.later)
    assert audio_url(other.clip) not in rest


def test_a_choice_by_another_matcher_is_one_address(client, find):
    scene = find(2, matcher="fused")
    other = result_of(scene, matcher="paper").alternatives[0].clip
    page = client.get(f"/scenes/{scene.pk}/?matcher=paper&clip={other.pk}").content.decode()
    assert "matcher paper v2" in page
    shared = f"http://testserver/scenes/{scene.pk}/?matcher=paper&amp;clip={other.pk}"
    assert f'data-share-url="{shared}"' in page


@pytest.mark.parametrize("choice", ["0", "-1", "x%00<b>", "9" * 40])
def test_a_link_to_a_recording_that_is_no_match_shows_the_best_and_says_so(client, scene, choice):
    page = client.get(f"/scenes/{scene.pk}/", {"clip": choice}).content.decode()
    assert "This link names another sound" in page
    assert audio_url(result_of(scene).best.clip) in page


def test_a_link_to_a_withdrawn_recording_shows_the_best_and_says_so(client, scene):
    other = result_of(scene).alternatives[0].clip
    withdraw(other.pk)
    page = client.get(f"/scenes/{scene.pk}/?clip={other.pk}").content.decode()
    assert "This link names another sound" in page
    assert "This link names another sound" not in page_of(client, scene)


def test_other_sites_show_a_neutral_card(client, scene):
    Scene.objects.update(title="Our garden")
    for address in ("/", f"/scenes/{scene.pk}/"):
        page = client.get(address).content.decode()
        cards = re.findall(r'<meta (?:property="og|name="twitter)[^>]*>', page)
        assert '<meta property="og:image" content="http://testserver/static/img/card.png">' in cards
        assert not re.search(r"scenes|samples|garden", "".join(cards))


def test_pages_for_visitors_are_compressed(client, scene):
    for address in ("/", f"/scenes/{scene.pk}/", "/photos/"):
        plain = client.get(address)
        packed = client.get(address, headers={"Accept-Encoding": "gzip"})
        assert packed["Content-Encoding"] == "gzip"
        assert "Accept-Encoding" in packed["Vary"]
        assert len(packed.content) < 0.6 * len(plain.content)
        masked = re.compile(rb'name="csrfmiddlewaretoken" value="\w+"')
        assert masked.sub(b"", gzip.decompress(packed.content)) == masked.sub(b"", plain.content)


def test_the_provenance_names_both_audio_models_and_the_bank(client, find):
    provenance = result_of(find(2, matcher="fused")).provenance
    assert provenance.audio_models == ("dummy-ear", "dummy-sounds")
    assert provenance.bank == "every class of the image model"


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("classes@0123456789ab", "every class of the image model"),
        ("photos-3@0123456789ab", "the photos of this site"),
        ("photos-3@0123456789ab+classes", "the photos of this site"),
        ("", ""),  # runs without a bank
    ],
)
def test_the_bank_is_described(client, find, version, words):
    scene = find(2, matcher="fused")
    MatchRun.objects.filter(pk=scene.run_id).update(bank=version)
    scene.run.refresh_from_db()
    assert result_of(scene).provenance.bank == words
    page = page_of(client, scene)
    assert str(words) in page
    assert not version or version not in page


def remove_sounds(clips):
    ClipProfile.objects.filter(clip__in=list(clips), space_id=DUMMY_HEARD.name).delete()


LISTENING = "We are still listening to our recordings"


def test_a_result_by_a_fallback_matcher_is_marked(client, find):
    remove_sounds(Clip.objects.order_by("pk")[:4])
    scene = find(2, matcher="fused")
    assert scene.run.matcher == "paper"
    profiling = LibraryProfiling.objects.create(space_id=DUMMY_HEARD.name, model_version="newer")
    assert result_of(scene).is_fallback
    assert LISTENING in page_of(client, scene)
    LibraryProfiling.objects.filter(pk=profiling.pk).update(
        state=JobState.DONE, finished_at=timezone.now()
    )
    assert LISTENING not in page_of(client, scene)  # a finished job will not change the result


def test_a_run_with_a_later_table_is_not_compared(find):
    """Overrides and banks do not change the snapshot."""
    scene = find(2, matcher="fused")
    later = MatchRun.objects.get(photo_sha256=scene.photo_sha256, matcher="heard")
    assert {way.name for way in result_of(scene).compared} == set(MATCHER_WORDS)
    MatchRun.objects.filter(pk=later.pk).update(created_at=timezone.now() + timedelta(hours=1))
    assert {way.name for way in result_of(scene).compared} == {"fused", "paper"}


def test_a_run_with_a_reverted_table_is_not_compared(find):
    """The table may have been changed and reverted between two searches."""
    scene = find(2, matcher="fused")
    heard = MatchRun.objects.get(photo_sha256=scene.photo_sha256, matcher="heard")
    versions = heard.model_versions | {DUMMY_HEARD.name: {"image": "between", "audio": "same"}}
    MatchRun.objects.filter(pk=heard.pk).update(model_versions=versions)
    assert {way.name for way in result_of(scene).compared} == {"fused", "paper"}


@pytest.mark.parametrize("matcher", list(MATCHER_WORDS))
def test_a_configured_or_requested_matcher_is_no_fallback(client, find, matcher):
    scene = find(2, matcher=matcher)
    assert not result_of(scene).is_fallback
    assert LISTENING not in page_of(client, scene)
    for other in MATCHER_WORDS:
        assert not result_of(scene, matcher=other).is_fallback


def test_the_comparison_leaves_out_withdrawn_recordings(find):
    scene = find(2, matcher="fused")
    heard = result_of(scene, matcher="heard")
    (way,) = (way for way in result_of(scene).compared if way.name == "heard")
    assert (way.best_title, way.strength) == (heard.best.clip.title, heard.best.strength)
    withdraw(heard.best.clip.id)
    Match.objects.filter(pk=heard.alternatives[0].pk).update(strength="weak")
    (way,) = (way for way in result_of(scene).compared if way.name == "heard")
    assert (way.best_title, way.strength) == (heard.alternatives[0].clip.title, "weak")
    withdraw(*Clip.objects.values_list("pk", flat=True))
    assert result_of(scene).compared == ()


def test_a_photo_without_sounds_is_explained_by_objects(client, find):
    """As by `paper`, although the configured matcher is `fused`."""
    scene = find(5, matcher="fused")
    result = result_of(scene)
    assert (result.would_hear, result.of_sounds) == ((), False)
    assert result.why(result.best)["terms"][0]["label"] == "thing 5"
    assert result.best.clip.title == "Clip 6"
    page = page_of(client, scene)
    assert "You would hear" not in page
    assert "share in the photo" in page


def test_runs_of_two_image_networks_are_never_compared(client, find):
    """A matcher of other spaces has other versions, but it must have seen the same network."""
    scene = find(2, matcher="fused")
    assert {one.name for one in result_of(scene).compared} == {"paper", "heard", "fused"}
    paper = MatchRun.objects.get(matcher="paper")
    paper.model_versions["dummy"]["image"] = "another-eye@1"
    paper.save()
    assert {one.name for one in result_of(scene).compared} == {"heard", "fused"}


class Numbers(HTMLParser):
    """Collects the attributes and shapes that browsers and scripts read as numbers."""

    def __init__(self, source):
        super().__init__()
        self.found = []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        if tag != "input":  # the form's token differs each time
            self.found += [(tag, *pair) for pair in attrs if re.search(r"\d", pair[1] or "")]


def test_numbers_in_attributes_do_not_follow_the_language(client, settings, find):
    """Run times, shares and durations have decimals, so German would write a comma."""
    settings.LANGUAGES = [*settings.LANGUAGES, ("de", "German")]
    scene = find(2, matcher="fused")
    Clip.objects.update(duration_s=1234.5, loudness_lufs=-23.4)
    MatchRun.objects.update(library_size=12_345)
    british, german = (
        client.get(f"/scenes/{scene.pk}/", headers={"Accept-Language": language}).content.decode()
        for language in ("en-GB", "de")
    )
    numbers = Numbers(british).found
    assert {"data-gain-db", "data-duration-s", "aria-valuemax", "width", "d"} <= {
        name for _, name, _ in numbers
    }
    assert Numbers(german).found == numbers
    assert "of 12,345 recordings" in british
    assert "of 12.345 recordings" in german
    assert re.search(r"\d\.\d\N{NARROW NO-BREAK SPACE}%", british)
    assert re.search(r"\d,\d\N{NARROW NO-BREAK SPACE}%", german)
    assert not re.search(r"\d\.\d\N{NARROW NO-BREAK SPACE}%", german)
