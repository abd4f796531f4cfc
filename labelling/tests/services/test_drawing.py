"""Draws: the preview, what opening stores, and what both refuse."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from itertools import combinations
from uuid import UUID

import pytest
from django.utils import timezone

from accounts.models import AuditEntry
from accounts.roles import Role
from accounts.tests.races import at_once
from accounts.tests.role_holders import make_person
from labelling.models import Campaign, CampaignState, Design, GoldPair, Pair, Slot
from labelling.selectors.frames import frame_of
from labelling.services import campaigns, drawing, settling
from labelling.services.errors import (
    FrameChangedError,
    NothingToDrawError,
    TooFewGoldPairsError,
    WrongStateError,
)
from labelling.services.guidelines import publish_guideline
from labelling.tests.factories import (
    make_campaign,
    make_clip,
    make_guideline,
    make_run,
    make_scene,
    make_set,
)
from retrieval.models import DeletedScene, Scene, SceneHold
from retrieval.services.deletion import delete_scene

pytestmark = pytest.mark.django_db

EVERY_STORED = (Pair, Slot, SceneHold, AuditEntry)


@pytest.fixture
def lead():
    return make_person("lead", Role.LEAD_REVIEWER)


@pytest.fixture
def clips():
    return [make_clip() for _ in range(5)]


def make_photos(n, clips, ranks=1):
    """Make photos whose own run found the first recordings."""
    scenes = [make_scene() for _ in range(n)]
    for scene in scenes:
        make_run(scene, "fused", clips[:ranks])
    return scenes


def make_draft(scenes, **fields):
    return make_campaign(state=CampaignState.DRAFT, photo_set=make_set(scenes), **fields)


def open_it(campaign, lead):
    digest = drawing.preview(campaign_id=campaign.pk).digest
    return drawing.open_campaign(campaign_id=campaign.pk, digest=digest, lead_id=lead.pk)


def counts():
    return [model.objects.count() for model in EVERY_STORED]


def keys(pairs):
    return [(pair.scene_id, pair.clip_id) for pair in pairs]


def test_a_preview_stores_nothing(clips):
    draft = make_draft(make_photos(4, clips), size=2)
    before = counts()
    draw = drawing.preview(campaign_id=draft.pk)
    assert len(draw.pairs) == 2
    assert counts() == before
    assert Campaign.objects.get(pk=draft.pk).state == CampaignState.DRAFT


def test_opening_stores_the_pairs_of_the_preview(clips, lead):
    draft = make_draft(make_photos(6, clips, ranks=2), ranks=2, size=5)
    draw = drawing.preview(campaign_id=draft.pk)
    campaign = drawing.open_campaign(campaign_id=draft.pk, digest=draw.digest, lead_id=lead.pk)
    stored = list(campaign.pairs.order_by("position"))
    assert keys(stored) == keys(draw.pairs)
    assert [pair.position for pair in stored] == [1, 2, 3, 4, 5]
    assert {pair.inclusion_probability for pair in stored} == {5 / 12}
    assert {pair.purpose for pair in stored} == {"sample"}
    assert {pair.state for pair in stored} == {"open"}
    for pair in stored:
        match = pair.matches.get()
        assert match.clip_id == pair.clip_id
        assert match.run.scenes.get().pk == pair.scene_id
    assert (campaign.state, campaign.frame_units) == (CampaignState.OPEN, 12)
    assert campaign.draw_digest == draw.sample_digest
    assert campaign.drawn_at is not None


def test_each_pair_gets_its_slots(clips, lead):
    draft = make_draft(make_photos(10, clips), size=10, graders_per_pair=Decimal("1.3"))
    assert drawing.preview(campaign_id=draft.pk).slots == 13
    campaign = open_it(draft, lead)
    numbers = [
        sorted(pair.slots.values_list("number", flat=True))
        for pair in campaign.pairs.order_by("position")
    ]
    assert sorted(numbers) == [[1]] * 7 + [[1, 2]] * 3
    assert set(Slot.objects.values_list("state", "campaign")) == {("free", campaign.pk)}
    assert all(slot.position == slot.pair.position for slot in Slot.objects.select_related("pair"))


def test_drawn_photos_are_held(clips, lead):
    scenes = make_photos(5, clips)
    campaign = open_it(make_draft(scenes, size=3), lead)
    holds = SceneHold.objects.filter(holder=f"campaign {campaign.pk}")
    assert set(holds.values_list("scene", flat=True)) == set(
        campaign.pairs.values_list("scene", flat=True)
    )
    assert holds.count() == 3


def test_the_photos_of_the_guidelines_examples_are_held_too(clips, lead):
    guideline = make_guideline(published_at=None)
    shown, hidden = make_scene(), make_scene(judging_allowed=False)
    for scene in (shown, hidden):
        guideline.examples.create(scene=scene, clip=clips[0], grade="good", why="Waves.")
    publish_guideline(guideline_id=guideline.pk, lead_id=lead.pk)
    campaign = open_it(make_draft(make_photos(2, clips), size=1, guideline=guideline), lead)
    holds = SceneHold.objects.filter(holder=f"campaign {campaign.pk}")
    drawn = campaign.pairs.get().scene_id
    assert set(holds.values_list("scene", flat=True)) == {drawn, shown.pk}


def test_a_draw_is_in_the_audit_log(clips, lead):
    campaign = open_it(make_draft(make_photos(5, clips), size=3, seed=11), lead)
    entry = AuditEntry.objects.get(action="campaign.drawn")
    assert (entry.subject, entry.actor_id) == (f"campaign {campaign.pk}", lead.pk)
    assert entry.detail == {
        "seed": 11,
        "design": "simple",
        "strata": "",
        "digest": campaign.draw_digest,
        "frame_units": 5,
        "units": 3,
        "pairs": 3,
        "gold_pairs": 0,
        "slots": 6,
    }
    assert AuditEntry.objects.filter(action="campaign.opened").count() == 1


def test_the_seed_repeats_a_draw_and_another_seed_draws_others(clips, lead):
    draft = make_draft(make_photos(30, clips), size=10)
    campaign = open_it(draft, lead)
    Scene.objects.order_by("-pk").update(title="moves the rows")
    again = drawing.preview(campaign_id=campaign.pk)
    assert again.sample_digest == campaign.draw_digest
    assert keys(again.pairs) == keys(campaign.pairs.order_by("position"))
    other = make_campaign(
        state=CampaignState.DRAFT, photo_set=campaign.photo_set, size=10, seed=campaign.seed + 1
    )
    assert set(keys(drawing.preview(campaign_id=other.pk).pairs)) != set(keys(again.pairs))


@pytest.mark.parametrize("change", ["photo", "recording", "size"])
def test_what_changed_since_the_preview_is_not_drawn(change, clips, lead):
    scenes = make_photos(4, clips)
    draft = make_draft(scenes, size=2)
    digest = drawing.preview(campaign_id=draft.pk).digest
    if change == "photo":
        Scene.objects.filter(pk=scenes[0].pk).update(judging_allowed=False)
    elif change == "recording":
        clips[0].removed_in = 5
        clips[0].save()
        make_run(scenes[1], "fused", [make_clip()])
    else:
        Campaign.objects.filter(pk=draft.pk).update(size=3)
    before = counts()
    with pytest.raises((FrameChangedError, NothingToDrawError)):
        drawing.open_campaign(campaign_id=draft.pk, digest=digest, lead_id=lead.pk)
    assert counts() == before
    assert Campaign.objects.get(pk=draft.pk).state == CampaignState.DRAFT


def test_a_photo_that_is_deleted_while_it_is_drawn_stops_the_draw(clips, lead, monkeypatch):
    scenes = make_photos(3, clips)
    draft = make_draft(scenes, size=3)
    digest = drawing.preview(campaign_id=draft.pk).digest

    def frame_then_deletion(campaign):
        frame = frame_of(campaign)
        delete_scene(scene_id=scenes[1].pk, reason=DeletedScene.Reason.VISITOR)
        return frame

    monkeypatch.setattr(drawing, "frame_of", frame_then_deletion)
    with pytest.raises(FrameChangedError):
        drawing.open_campaign(campaign_id=draft.pk, digest=digest, lead_id=lead.pk)
    assert Pair.objects.count() == 0


def test_without_a_published_guideline_no_campaign_is_opened(clips, lead):
    draft = make_draft(make_photos(2, clips), guideline=make_guideline(published_at=None))
    with pytest.raises(WrongStateError):
        open_it(draft, lead)
    assert Pair.objects.count() == 0


@pytest.mark.parametrize("state", [CampaignState.OPEN, CampaignState.PAUSED, CampaignState.CLOSED])
def test_a_campaign_is_drawn_once(state, clips, lead):
    campaign = make_campaign(state=state, photo_set=make_set(make_photos(2, clips)))
    with pytest.raises(WrongStateError):
        open_it(campaign, lead)
    assert Pair.objects.count() == 0


def test_an_empty_frame_is_not_drawn(lead):
    draft = make_draft([])
    assert drawing.preview(campaign_id=draft.pk).pairs == ()
    with pytest.raises(NothingToDrawError):
        open_it(draft, lead)


def test_a_size_above_the_frames_takes_all(clips):
    draw = drawing.preview(campaign_id=make_draft(make_photos(3, clips), size=200).pk)
    assert draw.units == len(draw.pairs) == 3
    assert {pair.inclusion_probability for pair in draw.pairs} == {1.0}


# Two matchers


def test_a_pair_that_two_matchers_found_is_one_pair(clips, lead):
    scene = make_scene()
    fused = make_run(scene, "fused", [clips[0], clips[1]])
    paper = make_run(scene, "paper", [clips[1], clips[2]])
    campaign = open_it(make_draft([scene], matchers=["paper", "fused"], ranks=2, size=2), lead)
    matches = {
        pair.clip_id: {(match.run_id, match.rank) for match in pair.matches.all()}
        for pair in campaign.pairs.all()
    }
    assert matches == {
        clips[0].pk: {(fused.pk, 1)},
        clips[1].pk: {(fused.pk, 2), (paper.pk, 1)},
        clips[2].pk: {(paper.pk, 2)},
    }


def test_the_probability_of_a_pair_counts_all_its_units(clips):
    """The oracle is the share of all samples that contain one of the pair's units."""
    scenes = [make_scene() for _ in range(3)]
    ranked = {  # by photo: what fused and what paper found
        scenes[0].pk: ([0, 1], [0, 2]),
        scenes[1].pk: ([0, 1], [1, 0]),
        scenes[2].pk: ([3, 4], [0, 3]),
    }
    for scene in scenes:
        fused, paper = ranked[scene.pk]
        make_run(scene, "fused", [clips[index] for index in fused])
        make_run(scene, "paper", [clips[index] for index in paper])
    draft = make_draft(scenes, matchers=["fused", "paper"], ranks=2, size=2)
    units_of: dict[tuple[UUID, int], set[tuple[UUID, int]]] = {}
    for scene_id, found in ranked.items():
        for at in range(2):
            for index in {found[0][at], found[1][at]}:
                units_of.setdefault((scene_id, clips[index].pk), set()).add((scene_id, at))
    samples = [set(one) for one in combinations([(s, r) for s in ranked for r in range(2)], 2)]
    seen = set()
    for seed in range(20):
        Campaign.objects.filter(pk=draft.pk).update(seed=seed)
        for pair in drawing.preview(campaign_id=draft.pk).pairs:
            key = (pair.scene_id, pair.clip_id)
            seen.add(key)
            hit = len([one for one in samples if one & units_of[key]])
            expected = Fraction(hit, len(samples))
            assert pair.inclusion_probability == pytest.approx(float(expected)), key
    assert seen == units_of.keys()


def test_two_leads_open_a_campaign_once_as_one_of_them_is_late(clips, lead):
    draft = make_draft(make_photos(3, clips), size=2)
    digest = drawing.preview(campaign_id=draft.pk).digest
    drawing.open_campaign(campaign_id=draft.pk, digest=digest, lead_id=lead.pk)
    with pytest.raises(WrongStateError):
        drawing.open_campaign(campaign_id=draft.pk, digest=digest, lead_id=lead.pk)
    assert Pair.objects.count() == 2


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_two_leads_at_once_open_a_campaign_once(clips, lead):
    draft = make_draft(make_photos(3, clips), size=2)
    digest = drawing.preview(campaign_id=draft.pk).digest

    def opening():
        drawing.open_campaign(campaign_id=draft.pk, digest=digest, lead_id=lead.pk)

    assert set(at_once(opening, opening)) == {None, WrongStateError}
    assert Pair.objects.count() == 2


# Gold


def make_gold(scene, clip, grade="good"):
    return GoldPair.objects.create(scene=scene, clip=clip, grade=grade, reason="Waves.")


def test_gold_pairs_come_after_the_sample_without_slots(clips, lead):
    scenes = make_photos(4, clips)
    for scene in scenes[:3]:
        make_gold(scene, clips[4], grade="bad")
    draft = make_draft(scenes, size=2, qualification_pairs=2)
    draw = drawing.preview(campaign_id=draft.pk)
    assert (len(draw.gold), draw.gold_needed) == (3, 2)
    campaign = open_it(draft, lead)
    gold = campaign.pairs.filter(purpose="gold").order_by("position")
    assert [pair.position for pair in gold] == [3, 4, 5]
    assert set(gold.values_list("gold_grade", "gold_reason", "inclusion_probability")) == {
        ("bad", "Waves.", None)
    }
    assert Slot.objects.filter(pair__in=gold).count() == 0
    held = SceneHold.objects.values_list("scene", flat=True)
    assert set(held) >= {pair.scene_id for pair in gold}


def test_gold_that_cannot_be_used_is_left_out(clips):
    scenes = make_photos(4, clips)
    hidden, withdrawn = make_scene(), make_clip(removed_in=5)
    photos = [*scenes, hidden]
    kept = make_gold(scenes[0], clips[3])
    make_gold(scenes[1], clips[0])  # in the sample of all photos
    make_gold(scenes[2], withdrawn)
    make_gold(hidden, clips[3])
    make_gold(make_scene(), clips[3])  # not in the set
    Scene.objects.filter(pk=hidden.pk).update(hidden_at=timezone.now(), hidden_reason="No.")
    draft = make_draft(photos, size=4, qualification_pairs=1)
    draw = drawing.preview(campaign_id=draft.pk)
    assert keys(draw.gold) == [(kept.scene_id, kept.clip_id)]
    assert len(draw.pairs) == 4


def test_gold_is_not_drawn_if_it_is_not_wanted(clips):
    scenes = make_photos(3, clips)
    make_gold(scenes[0], clips[3])
    assert drawing.preview(campaign_id=make_draft(scenes, size=3).pk).gold == ()


@pytest.mark.parametrize(
    ("fields", "needed"),
    [
        ({"gold_share": Decimal("0.10"), "size": 12}, 2),
        ({"gold_share": Decimal("0.50"), "size": 50}, 20),
        ({"gold_share": Decimal("0.10"), "qualification_pairs": 7, "size": 12}, 7),
    ],
)
def test_too_few_gold_pairs_are_refused_with_the_numbers(fields, needed, clips, lead):
    scenes = make_photos(50, clips)
    make_gold(scenes[0], clips[3])
    draft = make_draft(scenes, **fields)
    assert drawing.preview(campaign_id=draft.pk).gold_needed == needed
    with pytest.raises(TooFewGoldPairsError, match=f"1 gold pairs of {needed}"):
        open_it(draft, lead)
    assert Pair.objects.count() == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"graders_per_pair": Decimal(3)},
        {"gold_share": Decimal("0.1")},
        {"qualification_pairs": 0},
        {"qualification_share": Decimal("0.5")},
        {},  # the grade of the gold pair
    ],
)
def test_what_changes_after_the_preview_is_not_opened_unseen(changed, clips, lead):
    scenes = make_photos(3, clips)
    gold = make_gold(scenes[0], clips[3])
    draft = make_draft(scenes, size=3, qualification_pairs=1)
    digest = drawing.preview(campaign_id=draft.pk).digest
    if changed:
        campaigns.change_campaign(campaign_id=draft.pk, lead_id=lead.pk, **changed)
    else:
        GoldPair.objects.filter(pk=gold.pk).update(grade="bad")
    with pytest.raises(FrameChangedError):
        drawing.open_campaign(campaign_id=draft.pk, digest=digest, lead_id=lead.pk)


def test_later_gold_and_more_reviewers_do_not_change_what_the_seed_repeats(clips, lead):
    scenes = make_photos(3, clips)
    gold = make_gold(scenes[0], clips[3])
    draft = make_draft(scenes, size=3, qualification_pairs=1, graders_per_pair=Decimal(2))
    campaign = open_it(draft, lead)
    GoldPair.objects.filter(pk=gold.pk).update(grade="bad")
    settling.raise_overlap(campaign_id=campaign.pk, graders_per_pair=Decimal(3), lead_id=lead.pk)
    assert drawing.preview(campaign_id=campaign.pk).sample_digest == campaign.draw_digest


def test_a_worklist_has_no_inclusion_probabilities(clips, lead):
    campaign = open_it(make_draft(make_photos(3, clips), size=2, design=Design.WEAKEST), lead)
    assert set(campaign.pairs.values_list("purpose", "inclusion_probability", "stratum")) == {
        ("worklist", None, "")
    }
    assert Slot.objects.count() == 4
