"""Constraints and triggers of the database: each test violates one and expects its name."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction

from labelling.models import (
    STEPS,
    Adjudication,
    Admission,
    Answer,
    Campaign,
    CampaignState,
    GoldPair,
    Grade,
    Guideline,
    GuidelineExample,
    Pair,
    PhotoImport,
    PhotoImportItem,
    PhotoSet,
    Reopening,
    SetPhoto,
    Skip,
    Slot,
)
from labelling.tests.factories import (
    make_campaign,
    make_clip,
    make_guideline,
    make_pairs,
    make_reviewer,
    make_scene,
    make_set,
)
from labelling.tests.models.violations import broken, changed

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 1, 1, tzinfo=UTC)  # the same in all processes: names of tests contain it
TOKEN = uuid.UUID(int=1)
DRAWN = {"drawn_at": NOW, "frame_units": 9, "draw_digest": "d"}
HELD = {"token": TOKEN, "leased_until": NOW}


def save(row):
    with transaction.atomic():
        row.save(force_insert=True)
    return row


# --- photo sets and imports ------------------------------------------------------------------


def set_photo(photo_set, scene, **fields):
    return SetPhoto(**{"photo_set": photo_set, "scene": scene, "photo_sha256": "a"} | fields)


def photo_import(**fields):
    return PhotoImport(**{"photo_set": make_set(), "file_name": "photos.zip"} | fields)


def item(job, **fields):
    return PhotoImportItem(**{"photo_import": job, "path": "a.jpg", "outcome": "added"} | fields)


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"name": "THE SET"}, "name_once"),
        ({"name": ""}, "has_name"),
        ({"name": "another", "source": "found"}, "source_known"),
    ],
)
def test_constraints_of_a_photo_set(fields, constraint):
    make_set(name="The set")
    with broken(f"photoset_{constraint}"):
        save(PhotoSet(**fields))


def test_constraints_of_a_photo_in_a_set():
    scene, other = make_scene(), make_scene()
    photo_set = make_set([scene])
    with broken("setphoto_scene_once"):
        save(set_photo(photo_set, scene))
    with broken("setphoto_photo_once"):
        save(set_photo(photo_set, other, photo_sha256=scene.photo_sha256))
    with broken("setphoto_license_known"):
        save(set_photo(photo_set, other, license="mine"))
    save(set_photo(photo_set, other))


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"license": "mine"}, "license_known"),
        ({"state": "lost"}, "state_known"),
        ({"attempts": 4}, "attempts_bounded"),
        ({"finished_at": NOW}, "finished_has_time"),
        ({"failure_code": "poison"}, "failed_has_code"),
        ({"state": "processing"}, "processing_has_lease"),
    ],
)
def test_constraints_of_a_photo_import(fields, constraint):
    with broken(f"photoimport_{constraint}"):
        save(photo_import(**fields))


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({}, "once"),
        ({"path": "b.jpg", "outcome": "lost"}, "outcome_known"),
        ({"path": "b.jpg", "outcome": "failed"}, "failed_has_code"),
        ({"path": "b.jpg", "code": "too_large"}, "failed_has_code"),
    ],
)
def test_constraints_of_an_imported_photo(fields, constraint):
    job = save(photo_import())
    save(item(job))
    with broken(f"photoimportitem_{constraint}"):
        save(item(job, **fields))


# --- guidelines and gold ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"title": "THE RULES"}, "version_once"),
        ({"version": 0}, "version_from_1"),
        ({"title": ""}, "has_words"),
        ({"version": 2, "body": ""}, "has_words"),
    ],
)
def test_constraints_of_a_guideline(fields, constraint):
    make_guideline(title="The rules")
    with broken(f"guideline_{constraint}"):
        save(Guideline(**{"title": "The rules", "version": 1, "body": "Listen."} | fields))


@pytest.mark.parametrize("field", ["title", "version", "body", "published_at"])
def test_a_published_guideline_stays(field):
    draft, published = make_guideline(published_at=None), make_guideline()
    value = {"title": "New", "version": 7, "body": "New", "published_at": None}[field]
    with broken("guideline_published_stays"):
        changed(published, **{field: value})
    with broken("guideline_published_stays"), transaction.atomic():
        published.delete()
    changed(draft, title="New", version=7, body="New")
    draft.delete()


def example(guideline, **fields):
    values = {"scene": make_scene(), "clip": make_clip(), "grade": "good", "why": "It fits."}
    return GuidelineExample(**{"guideline": guideline} | values | fields)


def test_constraints_of_an_example():
    draft = make_guideline(published_at=None)
    first = save(example(draft))
    with broken("guidelineexample_once"):
        save(example(draft, scene=first.scene, clip=first.clip))
    with broken("guidelineexample_grade_known"):
        save(example(draft, grade="great"))
    with broken("guidelineexample_has_reason"):
        save(example(draft, why=""))


def test_a_published_guideline_gets_no_examples_but_loses_those_of_deleted_photos():
    guideline = make_guideline(published_at=None)
    kept, gone = save(example(guideline)), save(example(guideline))
    Guideline.objects.update(published_at=NOW)
    with broken("guideline_published_stays"):
        save(example(guideline))
    with broken("guideline_published_stays"):
        changed(kept, why="Another reason.")
    gone.scene.delete()
    assert list(guideline.examples.all()) == [kept]


def test_constraints_of_a_gold_pair():
    scene, clip = make_scene(), make_clip()
    values = {"scene": scene, "clip": clip, "grade": "good", "reason": "It fits."}
    save(GoldPair(**values))
    with broken("goldpair_once"):
        save(GoldPair(**values))
    with broken("goldpair_grade_known"):
        save(GoldPair(**values | {"scene": make_scene(), "grade": "great"}))
    with broken("goldpair_has_reason"):
        save(GoldPair(**values | {"scene": make_scene(), "reason": ""}))


# --- campaigns -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"name": "SPRING"}, "name_once"),
        ({"name": ""}, "has_name"),
        ({"state": "lost"} | DRAWN, "state_known"),
        ({"drawn_at": NOW}, "open_is_drawn"),
        ({"draw_digest": "d"}, "open_is_drawn"),
        ({"state": "open"} | DRAWN | {"drawn_at": None}, "open_is_drawn"),
        ({"state": "open"} | DRAWN | {"frame_units": None}, "open_is_drawn"),
        ({"state": "paused"} | DRAWN | {"draw_digest": ""}, "open_is_drawn"),
        ({"closed_at": NOW}, "closed_has_time"),
        ({"state": "closed"} | DRAWN, "closed_has_time"),
        ({"matchers": []}, "has_matcher"),
        ({"ranks": 0}, "ranks_bounded"),
        ({"ranks": 21}, "ranks_bounded"),
        ({"size": 0}, "size_bounded"),
        ({"size": 100_001}, "size_bounded"),
        ({"design": "best"}, "design_known"),
        ({"design": "stratified"}, "strata_of_design"),
        ({"design": "stratified", "strata": "colour"}, "strata_of_design"),
        ({"strata": "rank"}, "strata_of_design"),
        ({"design": "disputed"}, "disputed_in_one"),
        ({"graders_per_pair": Decimal("0.9")}, "graders_bounded"),
        ({"graders_per_pair": Decimal("10.1")}, "graders_bounded"),
        ({"gold_share": Decimal("-0.1")}, "gold_bounded"),
        ({"gold_share": Decimal("0.51")}, "gold_bounded"),
        ({"qualification_share": Decimal("-0.1")}, "qualification_bounded"),
        ({"qualification_share": Decimal("1.1")}, "qualification_bounded"),
        ({"seed": -1}, "seed_not_negative"),
    ],
    ids=str,
)
def test_constraints_of_a_campaign(fields, constraint):
    taken = make_campaign(name="Spring", state="draft")
    values = {
        "name": "Summer", "photo_set": taken.photo_set, "guideline": taken.guideline,
        "matchers": ["fused"], "seed": 7,
    }  # fmt: skip
    with broken(f"campaign_{constraint}"):
        save(Campaign(**values | fields))
    save(Campaign(**values))


def test_only_a_worklist_of_disputed_pairs_names_another_campaign():
    campaign, other = make_campaign(state="draft"), make_campaign()
    with broken("campaign_disputed_in_one"):
        changed(campaign, disputed_in=other)
    changed(campaign, design="disputed", disputed_in=other)
    with broken("campaign_not_its_own_worklist"):
        changed(campaign, disputed_in=campaign)


@pytest.mark.parametrize("before", CampaignState)
@pytest.mark.parametrize("after", CampaignState)
def test_a_campaign_takes_known_steps_only(before, after):
    campaign = make_campaign(state=before)
    fields = {"state": after, "closed_at": NOW if after == "closed" else None}
    if after == "draft":
        fields |= {"drawn_at": None, "frame_units": None, "draw_digest": ""}
    elif before == "draft":
        fields |= DRAWN
    if before == after or (before, after) in STEPS:
        changed(campaign, **fields)
    else:
        with broken("campaign_step_known"):
            changed(campaign, **fields)


@pytest.mark.parametrize(
    "field",
    ["draw_digest", "seed", "size", "design", "ranks", "matchers", "photo_set", "guideline",
     "drawn_at"],
)  # fmt: skip
def test_the_design_of_a_drawn_campaign_stays(field):
    drawn, draft = make_campaign(), make_campaign(state="draft")
    value = {
        "draw_digest": "e", "seed": 8, "size": 9, "design": "weakest", "ranks": 2,
        "matchers": ["paper"], "photo_set": make_set(), "guideline": make_guideline(),
        "drawn_at": NOW,
    }[field]  # fmt: skip
    with broken("campaign_drawn_once"):
        changed(drawn, **{field: value})
    if field not in {"draw_digest", "drawn_at"}:
        changed(draft, **{field: value})


def test_the_strata_of_a_drawn_campaign_stay():
    drawn = make_campaign(design="stratified", strata="rank")
    with broken("campaign_drawn_once"):
        changed(drawn, strata="scenery")


# --- pairs and slots -------------------------------------------------------------------------


def pair_of(campaign, **fields):
    values = {
        "campaign": campaign, "position": 99, "scene": make_scene(), "clip": make_clip(),
        "purpose": "sample", "inclusion_probability": 0.5,
    }  # fmt: skip
    return Pair(**values | fields)


GOLD = {
    "purpose": "gold", "inclusion_probability": None, "gold_grade": "good", "gold_reason": "Fits."
}  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"position": 1}, "position_once"),
        ({"purpose": "play", "inclusion_probability": None}, "purpose_known"),
        ({"state": "lost"}, "state_known"),
        ({"inclusion_probability": None}, "sampled_has_probability"),
        ({"inclusion_probability": 0.0}, "sampled_has_probability"),
        ({"inclusion_probability": 1.1}, "sampled_has_probability"),
        ({"inclusion_probability": float("nan")}, "sampled_has_probability"),
        ({"purpose": "worklist"}, "sampled_has_probability"),
        (GOLD | {"inclusion_probability": 0.5}, "sampled_has_probability"),
        (GOLD | {"gold_grade": ""}, "gold_has_grade"),
        (GOLD | {"gold_reason": ""}, "gold_has_grade"),
        ({"gold_grade": "good", "gold_reason": "Fits."}, "gold_has_grade"),
        (GOLD | {"state": "settled"}, "gold_is_open"),
    ],
    ids=str,
)
def test_constraints_of_a_pair(fields, constraint):
    campaign = make_campaign()
    make_pairs(campaign, 1)
    with broken(f"pair_{constraint}"):
        save(pair_of(campaign, **fields))


def test_a_pair_is_once_in_a_campaign_but_many_can_lose_their_photos():
    campaign = make_campaign()
    [pair, other] = make_pairs(campaign, 2, clip=make_clip())
    with broken("pair_once"):
        save(pair_of(campaign, scene=pair.scene, clip=pair.clip))
    save(pair_of(make_campaign(), scene=pair.scene, clip=pair.clip))
    for one in (pair, other):
        one.scene.delete()
        one.refresh_from_db()
        assert one.scene is None


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"number": 1}, "number_once"),
        ({"number": 0}, "number_from_1"),
        ({"state": "lost"}, "fits_state"),
        ({"state": "leased"}, "fits_state"),
        ({"token": TOKEN}, "fits_state"),
        ({"leased_until": NOW}, "fits_state"),
        ({"state": "closed", "token": TOKEN}, "fits_state"),
        ({"state": "done"}, "fits_state"),
        ({"state": "leased", "mine": True, "token": TOKEN}, "fits_state"),
        ({"state": "leased", "mine": True, "leased_until": NOW}, "fits_state"),
        ({"state": "done", "mine": True} | HELD, "fits_state"),
        ({"state": "free", "mine": True}, "fits_state"),
    ],
    ids=str,
)
def test_constraints_of_a_slot(fields, constraint):
    [pair] = make_pairs(make_campaign(), 1, slots=1)
    values = {"pair": pair, "campaign": pair.campaign, "position": 1, "number": 2} | fields
    if values.pop("mine", False):
        values["reviewer"] = make_reviewer()
    with broken(f"slot_{constraint}"):
        save(Slot(**values))


@pytest.mark.parametrize("before", ["leased", "done"])
def test_a_reviewer_has_one_slot_of_a_pair(before):
    [pair] = make_pairs(make_campaign(), 1, slots=2)
    reviewer = make_reviewer()
    first, second = pair.slots.order_by("number")
    until = {"leased_until": NOW if before == "leased" else None}
    changed(first, state=before, reviewer=reviewer, token=uuid.uuid4(), **until)
    with broken("slot_reviewer_once"):
        changed(second, state="leased", reviewer=reviewer, **HELD)
    changed(second, state="leased", reviewer=make_reviewer(), **HELD)


def test_a_token_names_one_slot():
    [pair] = make_pairs(make_campaign(), 1, slots=2)
    first, second = pair.slots.all()
    changed(first, state="leased", reviewer=make_reviewer(), **HELD)
    with pytest.raises(IntegrityError, match="token"):
        changed(second, state="leased", reviewer=make_reviewer(), **HELD)


def test_constraints_of_an_adjudication():
    [pair] = make_pairs(make_campaign(), 1)
    values = {"pair": pair, "grade": "good", "reason": "It fits."}
    save(Adjudication(**values | {"revoked_at": NOW}))
    save(Adjudication(**values))
    with broken("adjudication_in_force_once"):
        save(Adjudication(**values))
    with broken("adjudication_grade_known"):
        save(Adjudication(**values | {"grade": "great", "revoked_at": NOW}))
    with broken("adjudication_has_reason"):
        save(Adjudication(**values | {"reason": "", "revoked_at": NOW}))


def test_a_reopening_has_a_reason():
    [pair] = make_pairs(make_campaign(), 1)
    with broken("reopening_has_reason"):
        save(Reopening(pair=pair, reason=""))


def test_a_reviewer_is_admitted_once():
    campaign, reviewer = make_campaign(), make_reviewer()
    save(Admission(campaign=campaign, reviewer=reviewer))
    with broken("admission_once"):
        save(Admission(campaign=campaign, reviewer=reviewer))


# --- answers ---------------------------------------------------------------------------------


@pytest.fixture
def pair():
    return make_pairs(make_campaign(), 1)[0]


@pytest.fixture
def reviewer():
    return make_reviewer()


def answer(pair, reviewer, **fields):
    values = {"id": uuid.uuid4(), "pair": pair, "reviewer": reviewer, "kind": "grade"}
    return Answer(**values | fields)


def test_constraints_of_an_answer(pair, reviewer):
    first = save(answer(pair, reviewer))
    with pytest.raises(IntegrityError, match="labelling_answer_pkey"):
        save(answer(pair, reviewer, id=first.pk))
    for kind, undoes in (("undo", None), ("grade", first), ("skip", first), ("other", None)):
        with broken("answer_undoes_one"):
            save(answer(pair, reviewer, kind=kind, undoes=undoes))
    save(answer(pair, reviewer, kind="undo", undoes=first))
    with pytest.raises(IntegrityError, match="undoes"):
        save(answer(pair, reviewer, kind="undo", undoes=first))


def test_an_answer_stays_as_it_was_sent(pair, reviewer):
    sent = save(answer(pair, reviewer))
    with broken("answer_stays"):
        changed(sent, detail={"grade": "good"})
    with broken("answer_stays"), transaction.atomic():
        sent.delete()


def grade(pair, reviewer, **fields):
    values = {
        "pair": pair, "reviewer": reviewer, "answer": save(answer(pair, reviewer)),
        "guideline": pair.campaign.guideline, "grade": "bad", "listened_s": 3.0, "took_s": 4.0,
    }  # fmt: skip
    return Grade(**values | fields)


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"grade": "great"}, "known"),
        ({"faults": ["boring"]}, "faults_known"),
        ({"grade": "good", "faults": ["music"]}, "good_has_no_fault"),
        ({"listened_s": -1.0}, "seconds_bounded"),
        ({"listened_s": float("nan")}, "seconds_bounded"),
        ({"listened_s": float("inf")}, "seconds_bounded"),
        ({"took_s": -1.0}, "seconds_bounded"),
        ({"took_s": 86_401.0}, "seconds_bounded"),
        ({"took_s": float("nan")}, "seconds_bounded"),
    ],
    ids=str,
)
def test_constraints_of_a_grade(pair, reviewer, fields, constraint):
    with broken(f"grade_{constraint}"):
        save(grade(pair, reviewer, **fields))


def test_a_reviewer_grades_a_pair_once(pair, reviewer):
    save(grade(pair, reviewer))
    with broken("grade_once"):
        save(grade(pair, reviewer))
    save(grade(pair, make_reviewer()))


def test_constraints_of_a_skip(pair, reviewer):
    def skip(**fields):
        values = {"pair": pair, "reviewer": reviewer, "reason": "unsure"} | fields
        return Skip(answer=save(answer(pair, reviewer, kind="skip")), **values)

    with broken("skip_reason_known"):
        save(skip(reason="boring"))
    save(skip())
    with broken("skip_once"):
        save(skip())


# --- all of them -----------------------------------------------------------------------------


def test_every_constraint_is_named_in_this_folder():
    text = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    names = {
        constraint.name.removeprefix("labelling_")
        for model in apps.get_app_config("labelling").get_models()
        for constraint in model._meta.constraints
    }
    missing = {name for name in names if name.partition("_")[2] not in text}
    assert not missing
