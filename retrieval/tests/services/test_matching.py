from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from django.db import transaction
from scipy.special import rel_entr

from retrieval.engine.errors import EngineError, WeightsError
from retrieval.engine.matching.bank import classes_bank
from retrieval.engine.matching.matcher import PaperMatcher
from retrieval.engine.matching.strength import Strength
from retrieval.engine.networks.registry import ModelRegistry
from retrieval.engine.ranking import library_index, segment_folder
from retrieval.models import Clip, ClipProfile, MatchRun, SceneProfile
from retrieval.selectors.clip_filters import ClipFilter
from retrieval.services.indexing import open_library
from retrieval.services.library import advance_snapshot
from retrieval.services.matching import SoundFinder, searches
from retrieval.services.runs import store_run
from retrieval.tests.factories import DUMMY, DUMMY_HEARD, dummy_space_row, small_matchers
from retrieval.tests.fakes import DummyEye, dummy_finder

pytestmark = pytest.mark.django_db

SOUND_OF_CLASS = (0, 1, 3, 4, 0, 1, 3)
"""A sound that `factories.DUMMY_TABLE` names for a class; class 5 has none."""


@pytest.fixture
def make_finder(tmp_path, index_directory):
    return partial(dummy_finder, tmp_path, index_directory)


@pytest.fixture
def finder(make_finder):
    return make_finder()


def photo_bright_in(*strips):
    """One view for each strip in which it is bright."""
    pixels = np.full((len(strips), 224, 224, 3), 1, dtype=np.uint8)
    for view, strip in zip(pixels, strips, strict=True):
        view[32 * strip : 32 * (strip + 1)] = 255
    return pixels


def peaked_at(index):
    return np.full(7, 0.02) + np.eye(7)[index] * 0.86


def sound(index, score=0.9):
    return np.full(5, 0.01) + np.eye(5)[index] * score


def hear(clip, scores):
    """Add a profile in the space of sounds."""
    dummy_space_row(DUMMY_HEARD)
    with transaction.atomic():
        ClipProfile.objects.create(
            clip=clip, space_id=DUMMY_HEARD.name, classes=5, model_version=DUMMY_HEARD.audio_model,
            distribution=DUMMY_HEARD.clip_profile(scores).values, added_in=advance_snapshot(),
        )  # fmt: skip
    return clip


@pytest.fixture
def clips(make_clip):
    return [make_clip(peaked_at(i)) for i in range(7)]


def test_the_clip_of_the_same_class_wins(finder, clips):
    for strip in (0, 3, 6):
        result = finder.search(finder.classify(photo_bright_in(strip)), top=3)
        assert result.found[0].clip == clips[strip]
        assert [place.rank for place in result.found] == [1, 2, 3]


def test_states_divergence_and_why(finder, clips):
    seen = finder.classify(photo_bright_in(2))
    result = finder.search(seen, top=7)
    np.testing.assert_allclose(result.scene["dummy"].values, seen.views[0], atol=1e-9)
    p = seen.views[0]
    all_divergences = []
    for place in result.found:
        q = DUMMY.clip_profile(peaked_at(clips.index(place.clip))).values
        expected = rel_entr(p, q).sum()
        all_divergences.append(expected)
        assert place.judgement.divergences_nats == {"dummy": pytest.approx(expected, abs=1e-6)}
    best = result.found[0].explanations[0]
    assert best.terms[0].label.key == "d2"
    assert best.total_nats == pytest.approx(np.mean(all_divergences) - all_divergences[0], abs=1e-5)


def test_judges_against_the_bank(finder, clips):
    """The standard score counts deviations over the scores for single classes."""
    seen = finder.classify(photo_bright_in(2))
    best, *_, worst = finder.search(seen, top=7).found
    for place in (best, worst):
        log_q = np.log(DUMMY.clip_profile(peaked_at(clips.index(place.clip))).values)
        p = seen.views[0]
        standard = (p @ log_q - log_q.mean()) / log_q.std()
        assert place.judgement.standard == pytest.approx(standard, abs=1e-5)
        even = rel_entr(p, np.full(7, 1 / 7)).sum()
        explained = 1 - place.judgement.divergences_nats["dummy"] / even
        assert place.judgement.explained == pytest.approx(explained, abs=1e-6)
    assert 2 <= best.judgement.standard < 3
    assert (best.fit, best.strength) == (None, None)  # `paper` cannot say how good it is


def test_says_what_was_searched(finder, clips):
    result = finder.search(finder.classify(photo_bright_in(0)), top=1)
    assert (result.snapshot, result.library_size) == (7, 7)


def test_a_clip_added_later_is_found(finder, clips, make_clip):
    seen = finder.classify(photo_bright_in(4))
    assert finder.search(seen, top=1).found[0].clip == clips[4]
    better = make_clip(seen.views[0])
    assert finder.search(seen, top=1).found[0].clip == better


@pytest.mark.parametrize("name", ["paper", "fused"])
def test_an_empty_library_is_a_clear_error(make_finder, name):
    finder = make_finder(name)
    for find in (finder.search, finder.search_all):
        with pytest.raises(EngineError, match="holds no recordings") as caught:
            find(finder.classify(photo_bright_in(0)), top=1)
        assert caught.value.code == "library_empty"


# --- several matchers ------------------------------------------------------------------------


def test_every_view_is_classified(finder):
    views = photo_bright_in(1, 6)
    bright = np.ones((2, 7)) + np.eye(7)[[1, 6]] * 254
    np.testing.assert_allclose(
        finder.classify(views).views, bright / bright.sum(axis=1, keepdims=True)
    )
    assert finder.input_shape == (224, 224, 3)


def test_paper_uses_the_centre_and_the_others_the_whole_photo(make_finder, clips):
    """The edges of a scenery count for things and for sounds."""
    for i, clip in enumerate(clips):
        hear(clip, sound(SOUND_OF_CLASS[i]))
    finder = make_finder("fused")
    results = finder.search_all(finder.classify(photo_bright_in(1, 6)), top=1)
    scenes = {result.matcher.name: result.scene for result in results}
    centre, mean = np.ones(7), np.full(7, 2.0)
    centre[1], mean[[1, 6]] = 255, 256
    mean /= mean.sum()
    assert scenes["paper"].keys() == {DUMMY.name}
    np.testing.assert_allclose(scenes["paper"][DUMMY.name].values, centre / centre.sum(), atol=1e-9)
    heard = mean @ DUMMY_HEARD.table.weights / (1 - mean[5])
    for name in ("fused", "heard"):
        np.testing.assert_allclose(scenes[name][DUMMY.name].values, mean, atol=1e-9)
        np.testing.assert_allclose(scenes[name][DUMMY_HEARD.name].values, heard, atol=1e-9)


def test_every_matcher_searches_and_the_default_one_comes_first(make_finder, clips):
    for i, clip in enumerate(clips):  # what sounds right looks wrong
        hear(clip, sound(SOUND_OF_CLASS[6 - i]))
    finder = make_finder("heard")
    seen = finder.classify(photo_bright_in(3))
    results = finder.search_all(seen, top=3)
    assert [result.matcher.name for result in results] == ["heard", "paper", "fused"]
    assert {result.snapshot for result in results} == {14}
    for result in results:
        assert [place.rank for place in result.found] == [1, 2, 3]
        assert set(result.found[0].judgement.divergences_nats) == set(result.matcher.audio_models)
    assert results[1].found[0].clip == clips[3]
    alone = finder.search(seen, top=3)
    assert [place.clip for place in alone.found] == [place.clip for place in results[0].found]


def test_every_matcher_also_searches_the_whole_library_if_there_is_a_filter(make_finder, clips):
    for i, clip in enumerate(clips):
        hear(clip, sound(SOUND_OF_CLASS[6 - i]))
    finder = make_finder("heard")
    long = ClipFilter(min_duration_s=15)
    Clip.objects.filter(pk=clips[5].pk).update(duration_s=20)
    results = finder.search_all(finder.classify(photo_bright_in(3)), top=3, clip_filter=long)
    assert [(result.matcher.name, result.clip_filter) for result in results] == [
        (name, wanted) for wanted in (long, ClipFilter()) for name in ("heard", "paper", "fused")
    ]
    for result in results[:3]:
        assert [place.clip for place in result.found] == [clips[5]]


def test_the_order_follows_the_formula(make_finder, make_clip):
    """The formula of `SoundMatcher`, computed from the stored profiles."""
    rng = np.random.default_rng(5)
    heard = {}
    for _ in range(30):
        scores = rng.uniform(0, 1, 5)
        scores[rng.integers(5)] = 0  # there is always a sound that is not there
        heard[hear(make_clip(rng.dirichlet(np.full(7, 0.4))), scores).pk] = scores
    seen = make_finder("fused").classify(photo_bright_in(2, 0))
    result = make_finder("fused").search(seen, top=30)

    p = seen.views.mean(axis=0)
    t = result.scene[DUMMY_HEARD.name].values
    m = 1 - p[5]
    u = (1 - p[3]) * max(0, 1 - (t[2] + t[4]) / 0.1)
    anywhere = np.array([1.2, 1.5, 0.4, 2.3, 0.6]) / 6 + 0.001  # over six classes that tell
    odd = np.log(anywhere.max() / anywhere)  # birds are commonest: not odd at all
    expected = {}
    for clip in Clip.objects.all():
        stored = {row.space_id: row.distribution.astype(np.float64) for row in clip.profiles.all()}
        log_things, log_sounds = np.log(stored[DUMMY.name]), np.log(stored[DUMMY_HEARD.name])
        things = (p @ log_things - log_things.mean()) / log_things.std()
        speech = stored[DUMMY_HEARD.name][2]
        oddness = heard[clip.pk] @ odd
        expected[clip.pk] = m * t @ log_sounds + 0.3 * things - 3 * u * speech - 0.08 * oddness
    ranked = {place.clip.pk: place.score for place in result.found}
    assert list(ranked) == sorted(ranked, key=expected.__getitem__, reverse=True)
    assert ranked == pytest.approx({pk: expected[pk] for pk in ranked}, abs=1e-4)
    others = {pk for place in result.found for pk in place.takes}
    assert set(ranked) | others == set(expected)


def test_sounds_are_explained_before_things(make_finder, clips):
    for i, clip in enumerate(clips):
        hear(clip, sound(SOUND_OF_CLASS[i]))
    finder = make_finder("fused")
    result = finder.search(finder.classify(photo_bright_in(1)), top=1)
    best = result.found[0]
    assert [told.space for told in best.explanations] == [DUMMY_HEARD.name, DUMMY.name]
    assert best.explanations[0].terms[0].label.name == "Wind"
    rows = np.log(
        [row.distribution.astype(np.float64) for row in ClipProfile.objects.filter(classes=5)]
    )
    t = result.scene[DUMMY_HEARD.name].values
    better = t @ (rows[clips.index(best.clip)] - rows.mean(axis=0))
    assert best.explanations[0].total_nats == pytest.approx(better, abs=1e-5)


def photo_of(finder, views):
    """A photo in which the image network sees these distributions."""
    return replace(finder.classify(photo_bright_in(0)), views=views)


def mostly(strips):
    """A distribution with these shares of some classes, for one view."""
    seen = np.zeros((1, 7))
    for strip, share in strips.items():
        seen[0, strip] = share
    return seen


@pytest.mark.parametrize(("telling", "space"), [(0.19, DUMMY.name), (0.21, DUMMY_HEARD.name)])
def test_a_photo_that_indicates_few_sounds_is_judged_by_its_things(
    make_finder, clips, telling, space
):
    for i, clip in enumerate(clips):
        hear(clip, sound(SOUND_OF_CLASS[i]))
    seen = mostly({5: 1 - telling, 2: telling})
    finder = make_finder("fused")
    (best, *_) = finder.search(photo_of(finder, seen), top=1).found
    spaces = [told.space for told in best.explanations]
    assert spaces == [space, *({DUMMY.name, DUMMY_HEARD.name} - {space})]
    log_q = np.log(DUMMY.clip_profile(peaked_at(clips.index(best.clip))).values)
    by_things = (seen[0] @ log_q - log_q.mean()) / log_q.std()
    even = rel_entr(seen[0], np.full(7, 1 / 7)).sum()
    of_things = 1 - best.judgement.divergences_nats[DUMMY.name] / even
    if space == DUMMY.name:
        assert best.clip == clips[5]
        assert best.judgement.standard == pytest.approx(by_things, abs=1e-5)
        assert best.judgement.explained == pytest.approx(of_things, abs=1e-6)
        assert best.strength in {Strength.NONE, Strength.WEAK}  # most of it is mute
    else:
        assert best.judgement.standard != pytest.approx(by_things, abs=1e-2)
        assert best.judgement.explained <= telling


@pytest.mark.parametrize(("telling", "places"), [(0.19, 2), (0.21, 1)])
def test_takes_are_recognised_in_the_space_in_which_the_photo_is_judged(
    make_finder, make_clip, telling, places
):
    """Recordings with the same sounds and different things."""
    for thing in (2, 5):
        hear(make_clip(peaked_at(thing)), sound(1))
    finder = make_finder("fused")
    photo = photo_of(finder, mostly({5: 1 - telling, 2: telling}))
    result = finder.search(photo, top=5)
    assert len(result.found) == places


# --- while profiles are made -----------------------------------------------------------------


@pytest.mark.parametrize("name", ["heard", "fused"])
def test_a_default_matcher_without_profiles_is_a_clear_error(make_finder, clips, name):
    finder = make_finder(name)
    seen = finder.classify(photo_bright_in(6))
    with pytest.raises(EngineError, match=r"lack the profiles of .*profile_clips") as caught:
        finder.search(seen, top=1)
    assert caught.value.code == "profiles_missing"
    hear(clips[0], sound(0))
    result = finder.search(seen, top=3)
    assert (result.matcher.name, result.library_size) == (name, 1)
    assert [place.clip for place in result.found] == [clips[0]]


@pytest.mark.parametrize("name", ["paper", "fused"])
def test_a_library_without_profiles_is_not_reported_as_empty(make_finder, clips, name):
    ClipProfile.objects.all().delete()
    finder = make_finder(name)
    with pytest.raises(EngineError, match="lack the profiles of paper") as caught:
        finder.search_all(finder.classify(photo_bright_in(6)), top=1)
    assert caught.value.code == "profiles_missing"


def test_a_library_of_withdrawn_recordings_lacks_no_profiles(make_finder, clips):
    finder = make_finder("fused")
    with transaction.atomic():
        Clip.objects.update(removed_in=advance_snapshot())
    with pytest.raises(EngineError) as caught:
        finder.search(finder.classify(photo_bright_in(0)), top=1)
    assert caught.value.code == "library_empty"


@pytest.mark.parametrize("site", ["paper", "heard", "fused"])
@pytest.mark.parametrize(
    ("described", "all_answer"), [(0, False), (1, False), (3, False), (4, True), (7, True)]
)
def test_paper_is_used_until_half_of_the_library_has_profiles(
    make_finder, clips, site, described, all_answer
):
    """A matcher that knows too little is not asked at all: not even beside the others."""
    for clip in clips[:described]:
        hear(clip, sound(0))
    finder = make_finder(site)
    results = finder.search_all(finder.classify(photo_bright_in(6)), top=1)
    others = [name for name in ("paper", "heard", "fused") if name != site]
    names = [result.matcher.name for result in results]
    assert names == ([site, *others] if all_answer else ["paper"])
    sizes = {result.matcher.name: result.library_size for result in results}
    assert sizes == {name: 7 if name == "paper" else described for name in names}
    (paper,) = (result for result in results if result.matcher.name == "paper")
    assert paper.found[0].clip == clips[6]


def test_a_changed_recipe_applies_to_the_next_photo(make_finder, clips):
    """A finder lives as long as its worker: what is in force is asked for each time."""
    known = small_matchers()
    finder = make_finder("fused", matchers=known)
    for i, clip in enumerate(clips):
        hear(clip, sound(SOUND_OF_CLASS[i]))
    seen = finder.classify(photo_bright_in(0))
    before = finder.search(seen, top=7)
    known["fused"] = small_matchers()["heard"]
    known["fused"].name, known["fused"].version = "fused", 3
    after = finder.search(finder.classify(photo_bright_in(0)), top=7)
    assert (before.matcher.version, after.matcher.version) == (2, 3)
    scores = [{place.clip.pk: place.score for place in run.found} for run in (before, after)]
    assert scores[0] != scores[1]


# --- two image networks ----------------------------------------------------------------------


def of_network(network):
    """The matchers of the site by another image network."""
    return {"paper": PaperMatcher(replace(DUMMY, image_model=network), classes_bank((DUMMY,)))}


def test_a_photo_is_classified_and_ranked_by_one_network(tmp_path, index_directory, clips):
    """The network changes between classification and search: the photo keeps its own."""
    networks = [DUMMY.image_model, "dummy-eye@2"]
    eyes = {network: DummyEye() for network in networks}
    in_force = [*networks]
    registry = ModelRegistry(
        tmp_path,
        build_image_classifiers={
            name: partial(lambda eye, _: eye, eye) for name, eye in eyes.items()
        },
    )
    finder = SoundFinder(
        "paper",
        registry=registry,
        index_directory=index_directory,
        load_matchers=lambda _: [of_network(in_force[0])["paper"]],
    )
    for network in networks:
        photo = finder.classify(photo_bright_in(2))
        in_force.pop(0)
        in_force.append("gone@1")
        for result in (finder.search(photo, top=1), *finder.search_all(photo, top=1)):
            run = store_run(photo_sha256="a" * 64, result=result)
            assert run.model_versions == {"dummy": {"image": network, "audio": DUMMY.audio_model}}
    assert MatchRun.objects.count() == 2
    assert sorted(SceneProfile.objects.values_list("model_version", flat=True)) == networks
    with pytest.raises(WeightsError, match=r"no network is 'gone@1'"):
        finder.classify(photo_bright_in(2))


# --- takes of one recording ------------------------------------------------------------------


def test_takes_of_one_source_are_grouped_under_the_best(finder, make_clip):
    """A source may be the page of a collection: what sounds quite different is no take."""
    source = "https://example.org/sea"
    first = make_clip(peaked_at(2), source_url=source)
    other = make_clip([0.05, 0.05, 0.6, 0.1, 0.1, 0.05, 0.05])
    near = make_clip(moved(0.49), source_url=source)
    far = make_clip(moved(0.51), source_url=source)
    different = make_clip(peaked_at(0), source_url=source)
    result = finder.search(finder.classify(photo_bright_in(2)), top=5)
    assert [(place.rank, place.clip, place.takes) for place in result.found] == [
        (1, first, (near.pk,)),
        (2, other, ()),
        (3, far, ()),
        (4, different, ()),
    ]


def moved(distance):
    """The recording of the third class, and as far from it in total variation."""
    return peaked_at(2) + distance * (np.eye(7)[4] - np.eye(7)[2])


def test_recordings_that_sound_the_same_are_grouped_whatever_their_source(finder, make_clip):
    first = make_clip(peaked_at(2), source_url="https://example.org/1")
    nearly = peaked_at(2) + np.array([0.019, 0, -0.019, 0, 0, 0, 0])  # total variation 0.019
    close = make_clip(nearly, source_url="https://example.org/2")
    further = peaked_at(2) + np.array([0.021, 0, -0.021, 0, 0, 0, 0])
    apart = make_clip(further)
    result = finder.search(finder.classify(photo_bright_in(2)), top=5)
    assert [(place.rank, place.clip, place.takes) for place in result.found] == [
        (1, first, (close.pk,)),
        (2, apart, ()),
    ]


def test_recordings_without_a_source_are_not_grouped(finder, clips):
    result = finder.search(finder.classify(photo_bright_in(2)), top=7)
    assert len(result.found) == 7
    assert not any(place.takes for place in result.found)


def test_many_takes_at_the_top_use_one_place(finder, make_clip):
    """Forty takes of the best: the third place still goes to another recording."""
    rng = np.random.default_rng(1)
    others = [make_clip([0.02, 0.02, 0.6 - 0.1 * i, 0.02, 0.02, 0.3, 0.02 + 0.1 * i])
              for i in range(3)]  # fmt: skip
    crowd = [
        make_clip(
            0.97 * peaked_at(2) + 0.03 * rng.dirichlet(np.ones(7)), source_url="https://a.b/c"
        )
        for _ in range(40)
    ]
    result = finder.search(finder.classify(photo_bright_in(2)), top=3)
    assert [place.rank for place in result.found] == [1, 2, 3]
    assert result.found[0].clip in crowd
    assert {result.found[0].clip.pk, *result.found[0].takes} == {clip.pk for clip in crowd}
    assert [place.clip for place in result.found[1:]] == others[:2]


def test_a_library_of_one_recording_has_one_place(finder, make_clip):
    for _ in range(9):
        make_clip(peaked_at(2), source_url="https://a.b/c")
    result = finder.search(finder.classify(photo_bright_in(2)), top=5)
    assert len(result.found) == 1
    assert len(result.found[0].takes) == 8


def test_a_given_library_is_searched_at_its_snapshot(finder, clips, make_clip, index_directory):
    matcher = small_matchers()["paper"]
    library = open_library(matcher=matcher, directory=index_directory)
    seen = finder.classify(photo_bright_in(4))
    make_clip(seen.views[0])
    (result,) = searches(seen=seen.views, matcher=matcher, library=library, top=1)
    assert result.found[0].clip == clips[4]


@pytest.mark.parametrize("name", ["paper", "fused"])
def test_a_recording_with_a_flat_profile_is_ranked(make_finder, clips, name):
    """Its score is the same for all photos of a bank: it fits none better than another."""
    for i, clip in enumerate(clips):
        hear(clip, np.full(5, 0.3) if i == 4 else sound(SOUND_OF_CLASS[i]))
    flat = clips[4]
    ClipProfile.objects.filter(clip=flat, space_id=DUMMY.name).update(
        distribution=np.full(7, 1 / 7)
    )
    finder = make_finder(name)
    result = finder.search(finder.classify(photo_bright_in(2)), top=7)
    (place,) = (place for place in result.found if place.clip == flat)
    assert place.judgement.standard == pytest.approx(0, abs=1e-6)
    assert name == "paper" or place.fit < result.found[0].fit
    assert place.rank > 1


@pytest.mark.parametrize(("name", "first"), [("paper", 0), ("fused", 1)])
def test_of_nearly_equal_recordings_the_longer_comes_first(make_finder, clips, name, first):
    """Two recordings of the same sounds and things; the paper's matcher goes by score alone."""
    twins = [clips[2], clips[3]]
    for i, clip in enumerate(clips):
        hear(clip, sound(SOUND_OF_CLASS[2 if clip in twins else i]))
    ClipProfile.objects.filter(clip=twins[1], space_id=DUMMY.name).update(
        distribution=ClipProfile.objects.get(clip=twins[0], space_id=DUMMY.name).distribution
    )
    Clip.objects.filter(pk=twins[0].pk).update(duration_s=5, source_url="")
    Clip.objects.filter(pk=twins[1].pk).update(duration_s=40, source_url="")
    finder = make_finder(name)
    (best, *_) = finder.search(finder.classify(photo_bright_in(2)), top=1).found
    assert best.clip == twins[first]
    assert best.takes[0] == twins[1 - first].pk


def test_rows_that_turn_out_to_be_damaged_are_stored_again(
    finder, clips, index_directory, monkeypatch, caplog
):
    """Their codes tell: a score is above its bound."""
    monkeypatch.setattr(segment_folder, "FEWEST_ROWS", 1)
    monkeypatch.setattr(library_index, "_FEW_CLIPS", 0)
    seen = finder.classify(photo_bright_in(3))
    before = finder.search(seen, top=1)
    for thread in threading.enumerate():
        if thread.name == "upkeep":  # the search has started it
            thread.join()
    for path in index_directory.glob("*/rows.f32"):
        with path.open("r+b") as stream:  # not truncated: it is mapped
            stream.write(np.full(path.stat().st_size // 4, 5, np.float32).tobytes())
    after = finder.search(seen, top=1)
    assert [one.clip.pk for one in after.found] == [one.clip.pk for one in before.found]
    assert "Opening the index again: the score" in caplog.text
