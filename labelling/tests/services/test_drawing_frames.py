"""Frames: which photos, ranks and recordings a draw chooses from, by design."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from labelling.models import (
    Adjudication,
    Answer,
    Campaign,
    CampaignState,
    Design,
    Grade,
    Pair,
    Stratum,
)
from labelling.selectors.frames import frame_of
from labelling.selectors.pair_choice import candidates_of
from labelling.services import drawing
from labelling.services.errors import SampleTooSmallError
from labelling.tests.factories import (
    make_campaign,
    make_clip,
    make_pairs,
    make_reviewer,
    make_run,
    make_scene,
    make_set,
)
from retrieval.engine.vocabulary.heard_there import Scenery, load_heard_there
from retrieval.models import Match, MatchRun, Scene, SceneProfile, Space, Visibility

pytestmark = pytest.mark.django_db


@pytest.fixture
def clips():
    return [make_clip() for _ in range(3)]


def make_draft(scenes, **fields):
    return make_campaign(state=CampaignState.DRAFT, photo_set=make_set(scenes), **fields)


def make_photo(clips, strength="fair"):
    scene = make_scene()
    make_run(scene, "fused", clips, strength=strength)
    return scene


def found(unit):
    return [one.clip_id for one in unit.found]


def test_units_are_photos_at_ranks_in_a_fixed_order(clips):
    scenes = [make_photo(clips) for _ in range(3)]
    frame = frame_of(make_draft(scenes, ranks=2))
    assert [(unit.scene_id, unit.rank) for unit in frame.units] == [
        (pk, rank) for pk in sorted(scene.pk for scene in scenes) for rank in (1, 2)
    ]
    assert all(found(unit) == [clips[unit.rank - 1].pk] for unit in frame.units)


def test_photos_that_may_not_be_judged_are_left_out_and_counted(clips):
    scenes = [make_photo(clips) for _ in range(4)]
    Scene.objects.filter(pk=scenes[0].pk).update(judging_allowed=False)
    Scene.objects.filter(pk=scenes[1].pk).update(
        judging_allowed=False, visibility=Visibility.PRIVATE
    )
    Scene.objects.filter(pk=scenes[2].pk).update(hidden_at=timezone.now(), hidden_reason="No.")
    frame = frame_of(make_draft(scenes))
    assert [unit.scene_id for unit in frame.units] == [scenes[3].pk]
    assert (frame.photos, frame.not_judgeable) == (1, 3)


def test_photos_of_other_sets_are_left_out(clips):
    make_set([make_photo(clips)])
    assert frame_of(make_draft([])).units == ()


def test_photos_without_a_result_of_a_matcher_are_left_out_and_counted(clips):
    scenes = [make_photo(clips) for _ in range(3)]
    make_run(scenes[1], "paper", clips[::-1])
    frame = frame_of(make_draft(scenes, matchers=["fused", "paper"]))
    (unit,) = frame.units
    assert unit.scene_id == scenes[1].pk
    assert [(one.matcher, one.clip_id) for one in unit.found] == [
        ("fused", clips[0].pk),
        ("paper", clips[2].pk),
    ]
    assert frame.without_result == {"paper": 2}


def test_a_withdrawn_recording_keeps_its_rank_but_is_not_drawn(clips):
    scene = make_photo(clips)
    clips[0].removed_in = 5
    clips[0].save()
    frame = frame_of(make_draft([scene], ranks=3))
    assert [(unit.rank, found(unit)) for unit in frame.units] == [
        (2, [clips[1].pk]),
        (3, [clips[2].pk]),
    ]
    assert frame.incomplete == 1


def test_a_unit_is_left_out_if_one_of_its_recordings_was_withdrawn(clips):
    scene = make_photo(clips[:2])
    make_run(scene, "paper", [clips[1], clips[2]])
    clips[2].removed_in = 5
    clips[2].save()
    frame = frame_of(make_draft([scene], matchers=["fused", "paper"], ranks=2))
    assert [found(unit) for unit in frame.units] == [[clips[0].pk, clips[1].pk]]
    assert frame.incomplete == 1


def test_what_a_filter_found_is_never_drawn(clips):
    """A photo that shows a filtered result is drawn with what the whole library has for it."""
    scene = make_photo(clips)
    for matcher in ("fused", "paper"):
        whole = make_run(scene, matcher, clips if matcher == "paper" else [])
        filtered = MatchRun.objects.get(pk=whole.pk)
        filtered.pk, filtered.clip_filter = None, {"min_duration_s": 15.0}
        filtered.save(force_insert=True)
        MatchRun.objects.filter(pk=filtered.pk).update(created_at=whole.created_at)
        Match.objects.create(run=filtered, clip=clips[2], rank=1, score=-1.0)
    own = MatchRun.objects.get(matcher="fused", clip_filter={"min_duration_s": 15.0})
    Scene.objects.filter(pk=scene.pk).update(run=own)
    (unit,) = frame_of(make_draft([scene], matchers=["fused", "paper"])).units
    assert found(unit) == [clips[0].pk, clips[0].pk]
    candidates = candidates_of(scene.pk)
    assert candidates is not None
    assert {match.run.clip_filter == {} for one in candidates.found for match in one.matches} == {
        True
    }
    MatchRun.objects.filter(matcher="fused", clip_filter={}).delete()
    assert frame_of(make_draft([scene])).units == ()


OTHER_MODEL = {"heard": {"image": "eye@2+heard-there@1", "audio": "ear@1"}}


@pytest.mark.parametrize(
    "changed",
    [
        {"snapshot": 2},
        {"model_versions": OTHER_MODEL},
        {"created_at": timezone.now() + timedelta(days=1)},
    ],
    ids=["library", "model", "after the photo's own result"],
)
def test_a_result_that_cannot_be_compared_with_the_photos_own_is_none(changed, clips):
    scene = make_photo(clips)
    paper = make_run(scene, "paper", clips)
    draft = make_draft([scene], matchers=["fused", "paper"])
    assert len(frame_of(draft).units) == 1
    MatchRun.objects.filter(pk=paper.pk).update(**changed)
    frame = frame_of(draft)
    assert frame.without_result == {"paper": 1}
    assert frame.units == ()


def test_the_number_of_queries_does_not_grow_with_the_photos(clips):
    def queries(n):
        scenes = [make_photo(clips) for _ in range(n)]
        draft = make_draft(scenes, design=Design.STRATIFIED, strata=Stratum.SCENERY, size=n)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            drawing.preview(campaign_id=draft.pk)
        return len(captured)

    assert queries(3) == queries(30)


# Strata


def strata_of(draw):
    return {stratum.label: (stratum.units, stratum.drawn) for stratum in draw.strata}


def test_strata_by_rank(clips):
    draft = make_draft(
        [make_photo(clips) for _ in range(10)],
        ranks=3, size=15, design=Design.STRATIFIED, strata=Stratum.RANK,
    )  # fmt: skip
    draw = drawing.preview(campaign_id=draft.pk)
    assert strata_of(draw) == {"01": (10, 5), "02": (10, 5), "03": (10, 5)}
    ranks = dict(Match.objects.values_list("pk", "rank"))
    assert all(f"{ranks[pair.match_ids[0]]:02}" == pair.stratum for pair in draw.pairs)
    assert {pair.inclusion_probability for pair in draw.pairs} == {0.5}


def test_strata_by_strength_of_the_first_matchers_match(clips):
    scenes = [make_photo(clips, "strong") for _ in range(8)]
    scenes += [make_photo(clips, "weak") for _ in range(4)]
    old = make_photo(clips)
    Match.objects.filter(run__photo_sha256=old.photo_sha256).update(
        strength="", explained=None, standard=None
    )
    for scene in [*scenes, old]:
        make_run(scene, "paper", clips, strength="none")
    draft = make_draft(
        [*scenes, old],
        matchers=["fused", "paper"], size=7, design=Design.STRATIFIED, strata=Stratum.STRENGTH,
    )  # fmt: skip
    draw = drawing.preview(campaign_id=draft.pk)
    assert strata_of(draw) == {"strong": (8, 4), "weak": (4, 2), "unknown": (1, 1)}
    probabilities = {pair.stratum: pair.inclusion_probability for pair in draw.pairs}
    assert probabilities == {"strong": 0.5, "weak": 0.5, "unknown": 1.0}


def give_profile(scene, *weights, version="eye@1"):
    """Give a photo a profile: sceneries with their shares, each of so many classes."""
    of_class = [entry.scenery for entry in load_heard_there().entries]
    values = np.full(len(of_class), 1e-6)
    for scenery, share, number in weights:
        members = [index for index, own in enumerate(of_class) if own is scenery][:number]
        values[members] += share / len(members)
    space, _ = Space.objects.get_or_create(name="objects", defaults={"classes": len(of_class)})
    SceneProfile.objects.create(
        photo_sha256=scene.photo_sha256,
        space=space,
        classes=len(of_class),
        model_version=version,
        distribution=values / values.sum(),
    )


def test_strata_by_the_scenery_with_the_largest_share_of_the_photo(clips):
    sea, forest, unknown = (make_photo(clips) for _ in range(3))
    # The most probable class is one of the forest, but those of the sea together are more so.
    give_profile(sea, (Scenery.SEA, 0.55, 5), (Scenery.FOREST, 0.45, 1))
    give_profile(forest, (Scenery.SEA, 0.9, 5), version="eye@0")
    give_profile(forest, (Scenery.SEA, 0.3, 5), (Scenery.FOREST, 0.7, 5))
    draft = make_draft(
        [sea, forest, unknown], size=3, design=Design.STRATIFIED, strata=Stratum.SCENERY
    )
    draw = drawing.preview(campaign_id=draft.pk)
    assert {pair.scene_id: pair.stratum for pair in draw.pairs} == {
        sea.pk: "sea",
        forest.pk: "forest",
        unknown.pk: "unknown",
    }


def test_fewer_units_than_strata_are_refused(clips):
    draft = make_draft(
        [make_photo(clips)], ranks=3, size=2, design=Design.STRATIFIED, strata=Stratum.RANK
    )
    with pytest.raises(SampleTooSmallError):
        drawing.preview(campaign_id=draft.pk)


# Worklists


def test_the_weakest_matches_are_those_of_least_strength_then_score(clips):
    strong, fair, weak, unknown = (
        make_photo(clips[:1], strength) for strength in ("strong", "fair", "weak", "fair")
    )
    Match.objects.filter(run__photo_sha256=unknown.photo_sha256).update(
        strength="", explained=None, standard=None, score=-99
    )
    worse = make_photo(clips[:1], "fair")
    Match.objects.filter(run__photo_sha256=worse.photo_sha256).update(score=-50)
    scenes = [strong, fair, weak, unknown, worse]
    for scene in scenes:  # the second matcher does not decide
        make_run(scene, "paper", clips[1:2], strength="none" if scene is strong else "strong")
    draft = make_draft(scenes, matchers=["fused", "paper"], design=Design.WEAKEST, size=2)
    order = [unit.scene_id for unit in frame_of(draft).units]
    assert order == [weak.pk, worse.pk, fair.pk, strong.pk, unknown.pk]
    draw = drawing.preview(campaign_id=draft.pk)
    assert {pair.scene_id for pair in draw.pairs} == {weak.pk, worse.pk}
    assert len(draw.pairs) == 4


def grade(pair, *grades):
    """Give a pair grades of as many reviewers."""
    for number, given in enumerate(grades):
        reviewer = make_reviewer()
        answer = Answer.objects.create(
            id=f"00000000-0000-0000-{number:04}-{pair.pk:012}",
            pair=pair, reviewer=reviewer, kind="grade",
        )  # fmt: skip
        Grade.objects.create(
            pair=pair, reviewer=reviewer, answer=answer, guideline=pair.campaign.guideline,
            grade=given, listened_s=5, took_s=6,
        )  # fmt: skip


def test_a_worklist_takes_what_reviewers_disputed_in_another_campaign():
    source = make_campaign()
    waiting, decided, agreed, skipped, reopened, hidden = make_pairs(source, 6)
    for pair, state in (
        (waiting, "disputed"), (decided, "settled"), (agreed, "settled"),
        (skipped, "settled"), (reopened, "open"), (hidden, "disputed"),
    ):  # fmt: skip
        Pair.objects.filter(pk=pair.pk).update(state=state)
    grade(waiting, "good", "bad")
    grade(decided, "good", "bad", "decent")
    grade(agreed, "good", "good")
    grade(skipped, "good")
    for pair in (waiting, decided, skipped, reopened):
        Adjudication.objects.create(
            pair=pair, grade="bad", reason="Rain.",
            revoked_at=timezone.now() if pair in {waiting, reopened} else None,
        )  # fmt: skip
    Adjudication.objects.create(pair=waiting, grade="good", reason="No.", revoked_at=timezone.now())
    Scene.objects.filter(pairs=hidden).update(judging_allowed=False)
    draft = make_draft([], design=Design.DISPUTED, disputed_in=source, size=10)
    draw = drawing.preview(campaign_id=draft.pk)
    assert {(pair.scene_id, pair.clip_id) for pair in draw.pairs} == {
        (pair.scene_id, pair.clip_id) for pair in (waiting, decided)
    }
    assert {pair.purpose for pair in draw.pairs} == {"worklist"}
    assert {pair.match_ids for pair in draw.pairs} == {
        tuple(pair.matches.values_list("pk", flat=True)) for pair in (waiting, decided)
    }
    Campaign.objects.filter(pk=draft.pk).update(size=1)
    (first,) = drawing.preview(campaign_id=draft.pk).pairs
    assert first.scene_id == waiting.scene_id
