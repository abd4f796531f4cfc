"""Which matchers a site has: the program's recipes with its own table and bank."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.engine.errors import EngineError, VocabularyError
from retrieval.engine.matching.bank import Moments
from retrieval.engine.matching.recipes import MATCHERS, matcher_named
from retrieval.engine.matching.sound_matcher import SoundMatcher
from retrieval.engine.networks.weights import (
    ALL_WEIGHTS,
    EFFICIENTNET_LITE0,
    MOBILENET_V2,
    SOUND_NETWORKS,
)
from retrieval.engine.spaces.space import heard, objects
from retrieval.engine.vocabulary.heard_there import load_heard_there
from retrieval.models import BankMoments, HeardOverride, PhotoBank
from retrieval.selectors import networks
from retrieval.selectors.matchers import (
    bank_spaces,
    matcher_in_force,
    matchers_in_force,
    site_recipe,
    table_up_to,
)

pytestmark = pytest.mark.django_db

LAKESIDE, PIER = "n09332890", "n03933933"


def override(sounds, *, wnid=LAKESIDE, **fields):
    return HeardOverride.objects.create(wnid=wnid, sounds=sounds, why="we were there", **fields)


def ear(name="fused"):
    matcher = matcher_in_force(name)
    assert isinstance(matcher, SoundMatcher)
    return matcher


def heard_at(wnid, table=None):
    entry = (table or ear().sounds.table).entry(wnid)
    return {sound.label.name: sound.weight for sound in entry.sounds}


def test_without_overrides_and_banks_the_programs_matchers_are_used():
    for name in ("paper", "heard", "fused"):
        ours, programs = matcher_in_force(name), matcher_named(name)
        assert (ours.name, ours.version) == (name, programs.version)
        assert ours.bank.version == programs.bank.version
        assert ours.image_models == programs.image_models
        assert ours.audio_models == programs.audio_models
        assert ours.rows_version == programs.rows_version


def test_an_unknown_matcher_is_refused():
    with pytest.raises(EngineError, match="there are: paper, heard, fused") as caught:
        matcher_in_force("psychic")
    assert caught.value.code == "matcher_unknown"


# --- the table -------------------------------------------------------------------------------


def test_an_override_changes_the_table_and_its_version():
    before = ear()
    override({"Wind": 0.25, "Frog": 0.75})
    after = ear()
    assert heard_at(LAKESIDE) == {"Frog": 0.75, "Wind": 0.25}
    assert heard_at(PIER) == heard_at(PIER, load_heard_there())
    assert after.image_models["heard"] != before.image_models["heard"]
    assert after.image_models["objects"] == before.image_models["objects"]
    assert after.audio_models == before.audio_models  # no recording needs to be heard again
    assert matcher_in_force("paper").image_models == matcher_named("paper").image_models


def test_photos_are_mapped_by_the_sites_table():
    override({"Frog": 1.0})
    space = ear("heard").sounds
    lakeside = load_heard_there().entry(LAKESIDE).label.index
    profile = space.scene_profile(np.eye(1000)[lakeside]).values
    assert profile[space.vocabulary.by_name("Frog").index] == pytest.approx(1)


def test_the_newest_override_of_a_class_counts():
    override({"Frog": 1.0})
    override({"Wind": 1.0}, wnid=PIER)
    override({"Rain": 1.0})
    assert heard_at(LAKESIDE) == {"Rain": 1.0}
    assert heard_at(PIER) == {"Wind": 1.0}


def test_an_override_without_sounds_removes_the_class():
    lakeside = load_heard_there().entry(LAKESIDE).label.index
    assert ear().sounds.table.audible[lakeside]
    override({})
    assert not ear().sounds.table.audible[lakeside]
    assert heard_at(LAKESIDE) == {}


def test_an_override_taken_back_restores_the_programs_sounds():
    versions = [ear().image_models["heard"]]
    for sounds, taken_back in (({"Frog": 1.0}, False), ({"Frog": 1.0}, True)):
        override(sounds, taken_back=taken_back)
        versions.append(ear().image_models["heard"])
    assert versions[2] == versions[0] != versions[1]
    assert heard_at(LAKESIDE) == heard_at(LAKESIDE, load_heard_there())
    override({"Rain": 1.0})
    assert heard_at(LAKESIDE) == {"Rain": 1.0}


def test_the_version_depends_on_the_content_alone():
    override({"Frog": 1.0})
    once = ear().image_models["heard"]
    override({"Rain": 1.0})
    override({"Frog": 1.0})
    assert ear().image_models["heard"] == once


def test_an_earlier_table_can_be_rebuilt():
    ids = [override({name: 1.0}).pk for name in ("Frog", "Rain")]
    assert heard_at(LAKESIDE, table_up_to(ids[0])) == {"Frog": 1.0}
    assert heard_at(LAKESIDE, table_up_to(ids[1])) == {"Rain": 1.0}
    assert table_up_to(0) is load_heard_there()


@pytest.mark.parametrize("sounds", [{"Frog": 0.5}, {"Frog": -1.0, "Rain": 2.0}, {"Unicorn": 1.0}])
def test_an_invalid_override_is_an_error(sounds):
    row = override(sounds)
    with pytest.raises(VocabularyError):
        table_up_to(row.pk)


# --- banks -----------------------------------------------------------------------------------


def make_bank(*, seed=0, photos=50, image_models=None, spaces=("objects", "heard")):
    """A bank whose photos are drawn at random; returns it with its moments."""
    rng = np.random.default_rng(seed)
    versions = {space.name: space.image_model for space in (objects(whole=True), heard())}
    bank = PhotoBank.objects.create(photos=photos, digest=f"{seed:012}")
    made = {}
    for name, classes in (("objects", 1000), ("heard", 521)):
        if name not in spaces:
            continue
        made[name] = Moments.of(rng.dirichlet(np.full(classes, 0.05), size=photos))
        BankMoments.objects.create(
            bank=bank, space_id=name, classes=classes,
            model_version=(image_models or versions)[name],
            mean=made[name].mean, covariance=made[name].covariance.astype("<f8").tobytes(),
        )  # fmt: skip
    return bank, made


def test_a_new_bank_is_used_at_once():
    classes = ear()
    bank, made = make_bank()
    ours = ear()
    assert ours.bank.version == f"photos-{bank.pk}@{bank.digest}"
    assert classes.bank.version.startswith("classes@")
    assert ours.rows_version != classes.rows_version
    for name, moments in made.items():
        np.testing.assert_allclose(ours.bank.moments[name].mean, moments.mean, atol=1e-8)
        np.testing.assert_array_equal(ours.bank.moments[name].covariance, moments.covariance)


def test_scores_are_judged_against_the_banks_photos():
    """Mean and deviation equal those of the scores for the photos themselves."""
    rng = np.random.default_rng(0)
    photos = rng.dirichlet(np.full(1000, 0.05), size=50)  # the photos of `make_bank`
    make_bank()
    log_row = np.log(np.random.default_rng(9).dirichlet(np.ones(1000)))
    mean, deviation = ear().bank.moments["objects"].of_scores(log_row)
    scores = photos @ log_row
    assert (mean, deviation) == pytest.approx((scores.mean(), scores.std()), rel=1e-5)


def test_the_papers_matcher_stays_as_it_was_published():
    before = matcher_in_force("paper").bank.version
    make_bank()
    assert matcher_in_force("paper").bank.version == before


def test_the_newest_bank_counts():
    make_bank(seed=1)
    newer, _ = make_bank(seed=2)
    assert ear().bank.version == f"photos-{newer.pk}@{newer.digest}"


def check_that_only(known, bank, made):
    """Assert that the bank is used in one space and the classes in the other."""
    ours, programs = ear().bank, matcher_named("fused").bank
    name = f"photos-{bank.pk}@{bank.digest}"
    (other,) = {"objects", "heard"} - {known}
    assert ours.version == f"{name}+classes"
    assert ours.versions == {known: name, other: programs.versions[other]}
    np.testing.assert_array_equal(ours.moments[known].covariance, made[known].covariance)
    log_row = np.log(np.random.default_rng(9).dirichlet(np.ones(1000 if known == "heard" else 521)))
    assert ours.moments[other].of_scores(log_row) == programs.moments[other].of_scores(log_row)


@pytest.mark.parametrize(("changed", "known"), [("objects", "heard"), ("heard", "objects")])
def test_moments_of_another_model_are_replaced_by_the_classes(changed, known):
    models = {space.name: space.image_model for space in (objects(whole=True), heard())}
    bank, made = make_bank(image_models=models | {changed: "mobilenet@old"})
    check_that_only(known, bank, made)


@pytest.mark.parametrize("known", ["objects", "heard"])
def test_a_bank_of_one_space_is_used_there_only(known):
    bank, made = make_bank(spaces=[known])
    check_that_only(known, bank, made)


def test_a_bank_of_other_models_is_not_used():
    """Profiles of the centre alone count as another model."""
    make_bank(image_models={"objects": objects().image_model, "heard": "mobilenet@old"})
    assert ear().bank.version == matcher_named("fused").bank.version


def test_an_override_invalidates_the_sounds_of_a_bank_until_it_is_taken_back():
    """The table changes the sounds of its photos, not their things."""
    bank, _ = make_bank()
    before = ear()
    override({"Frog": 1.0})
    assert ear().bank.version == f"photos-{bank.pk}@{bank.digest}+classes"
    assert ear().bank.versions["objects"] == before.bank.versions["objects"]
    override({}, taken_back=True)
    assert ear().bank.version == before.bank.version == f"photos-{bank.pk}@{bank.digest}"


def test_an_override_changes_no_row_of_the_index():
    """Nor does it change the average sounds, from which oddness is computed."""
    rows = {name: ear(name).rows_version for name in ("heard", "fused")}
    clip = heard_clip_of("Frog")
    before = ear().oddness(clip)
    override({"Frog": 1.0})
    override({"Frog": 1.0}, wnid=PIER)
    assert {name: ear(name).rows_version for name in rows} == rows
    assert ear().oddness(clip) == pytest.approx(before)
    assert before > 0


def heard_clip_of(name):
    space = heard()
    return space.clip_profile(np.eye(521)[[space.vocabulary.by_name(name).index]])


def test_only_a_bank_of_things_changes_rows_of_the_index():
    rows = ear().rows_version
    make_bank(spaces=["heard"])
    assert ear().rows_version == rows
    make_bank(spaces=["objects"])
    assert ear().rows_version != rows


# --- what is in force ------------------------------------------------------------------------


def test_the_recipe_changes_with_every_override_and_bank():
    recipes = [site_recipe()]
    for change in (lambda: override({"Frog": 1.0}), lambda: override({}), make_bank):
        change()
        recipes.append(site_recipe())
    assert len(set(recipes)) == 4


def test_a_matcher_is_cached_until_the_recipe_changes(django_assert_num_queries):
    first = matcher_in_force("fused")
    with django_assert_num_queries(3):  # the newest override, bank and profile
        assert matcher_in_force("fused") is first
    override({"Frog": 1.0})
    assert matcher_in_force("fused") is not first


# --- the networks ----------------------------------------------------------------------------


@pytest.fixture
def present(monkeypatch):
    """The networks that are present: all, until a test removes some."""
    specs = set(ALL_WEIGHTS)
    monkeypatch.setattr(networks, "is_present", specs.__contains__)
    return specs


@pytest.mark.parametrize("name", MATCHERS)
def test_matchers_are_of_the_image_network_that_is_present(present, name):
    before = matcher_in_force(name)
    present.discard(MOBILENET_V2)
    without = matcher_in_force(name)
    present.add(MOBILENET_V2)

    for matcher, network in ((before, MOBILENET_V2), (without, EFFICIENTNET_LITE0)):
        expected = matcher_named(name, image=network.model_version)
        assert matcher.image_models == expected.image_models
        assert matcher.bank.version == expected.bank.version
    assert matcher_in_force(name).image_models == before.image_models


def test_a_bank_is_used_with_the_network_of_its_photos_alone(present):
    bank, _ = make_bank()
    assert ear().bank.version == f"photos-{bank.pk}@{bank.digest}"
    present.discard(MOBILENET_V2)
    assert ear().bank.version.startswith("classes@")


def test_without_yamnet_the_papers_matcher_takes_the_place_of_the_others(present):
    present.difference_update(SOUND_NETWORKS)
    assert [one.name for one in matchers_in_force(["fused", "paper", "heard"])] == ["paper"]
    assert matcher_in_force("heard").name == "paper"
    with pytest.raises(EngineError, match="there are: paper, heard, fused"):
        matcher_in_force("psychic")
    present.update(SOUND_NETWORKS)
    assert [one.name for one in matchers_in_force(MATCHERS)] == list(MATCHERS)


def test_a_bank_can_be_made_for_the_sound_matchers_without_yamnet(present):
    spaces = {space.name: space.image_model for space in bank_spaces()}
    present.difference_update(SOUND_NETWORKS)
    assert {space.name: space.image_model for space in bank_spaces()} == spaces
