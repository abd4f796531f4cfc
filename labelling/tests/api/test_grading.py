"""A round of grading by a program: borrow, look and listen, grade, undo, skip."""

from __future__ import annotations

import errno
from decimal import Decimal
from uuid import uuid4

import pytest
from django.core.files.storage import default_storage
from django.db.models.functions import Now

from accounts.roles import Role
from labelling.api import grading
from labelling.models import Answer, CampaignState, Grade, Pair, Skip, Slot
from labelling.services import campaigns
from labelling.services.errors import BusyError
from labelling.tests.answering import claim, expire, grade
from labelling.tests.api.programs import Program, code_of, grade_of
from labelling.tests.factories import (
    make_campaign,
    make_gold_pairs,
    make_pairs,
    make_reviewer,
)
from labelling.tests.stored_pairs import PHOTO, SOUND, stored_pair
from retrieval.models import Clip, Scene

pytestmark = pytest.mark.django_db

UNKNOWN = "7e64d1c9-5b1d-4f0e-9f7a-0f2a3f8c1d55"


def test_a_round(rita, campaign, media):
    stored_pair(campaign)
    make_pairs(campaign, 1)
    answer = rita.post(f"campaigns/{campaign.pk}/next", {})
    assert answer.status_code == 200
    (pair,) = answer.json()["pairs"]
    token = pair["token"]
    assert answer.json()["progress"] == {
        "own": {"done": 0, "total": 2}, "campaign": {"done": 0, "total": 4}, "with_others": None
    }  # fmt: skip
    photo, sound = rita.get(pair["photo"]), rita.get(pair["sound"])
    assert b"".join(photo.streaming_content) == PHOTO
    assert b"".join(sound.streaming_content) == SOUND

    given = grade_of(token, "bad", faults=["place", "music"])
    first = rita.post("grades", given)
    assert (first.status_code, first.json()["id"]) == (201, given["id"])
    assert first.json()["progress"]["own"]["done"] == 1
    again = rita.post("grades", given | {"took_s": 9.0})
    assert again.status_code == 200
    assert Grade.objects.get().faults == ["music", "place"]
    assert Answer.objects.count() == 1

    undo = {"id": str(uuid4()), "undoes": given["id"]}
    undone = rita.post("undos", undo)
    assert undone.status_code == 200
    assert undone.json()["pair"]["token"] == token
    assert undone.json()["progress"]["own"]["done"] == 0
    assert not Grade.objects.exists()
    assert rita.post("undos", undo).json()["pair"]["token"] == token
    assert Answer.objects.count() == 2

    skip = {"id": str(uuid4()), "lease": token, "reason": "unsure"}
    assert rita.post("skips", skip).status_code == 201
    assert rita.post("skips", skip).status_code == 200
    assert Skip.objects.count() == 1
    assert token not in [one["token"] for one in rita.borrow(campaign, 2)]


def test_leases_are_renewed_and_the_same_pairs_lent_again(rita, campaign):
    make_pairs(campaign, 3)
    tokens = [pair["token"] for pair in rita.borrow(campaign, 2)]
    assert len(tokens) == 2
    expire(*Slot.objects.filter(token__in=tokens))
    assert not Slot.objects.filter(leased_until__gt=Now()).exists()
    answer = rita.post("leases", {"tokens": [*tokens, UNKNOWN, tokens[0]]})
    assert (answer.status_code, answer.json()) == (200, {"tokens": tokens})
    assert Slot.objects.filter(token__in=tokens, leased_until__gt=Now()).count() == 2
    assert [pair["token"] for pair in rita.borrow(campaign, 2)] == tokens


def test_when_nothing_is_left_the_list_is_empty(rita, campaign):
    assert rita.borrow(campaign) == []


@pytest.mark.parametrize("state", [CampaignState.PAUSED, CampaignState.CLOSED])
def test_a_campaign_that_is_not_open_lends_nothing(rita, state):
    campaign = make_campaign(state=state)
    answer = rita.post(f"campaigns/{campaign.pk}/next", {})
    assert code_of(answer) == (409, "campaign_closed")


def test_whoever_failed_the_qualification_gets_no_pairs(rita):
    campaign = make_campaign(qualification_pairs=1, qualification_share=Decimal(1))
    make_pairs(campaign, 1)
    make_gold_pairs(campaign, 1, "good")
    (pair,) = rita.borrow(campaign)
    rita.grade(pair["token"], "bad")
    answer = rita.post(f"campaigns/{campaign.pk}/next", {})
    assert code_of(answer) == (403, "not_qualified")


def test_while_others_are_given_pairs_the_answer_is_to_come_again(rita, campaign, monkeypatch):
    def busy(**_given):
        raise BusyError("locked")

    monkeypatch.setattr(grading, "claim_slots", busy)
    answer = rita.post(f"campaigns/{campaign.pk}/next", {})
    assert code_of(answer) == (503, "busy")
    assert answer["Retry-After"] == "1"


@pytest.mark.parametrize("path", ["campaigns/{}/next", "campaigns/{}/progress", "campaigns/{}"])
def test_reviewers_know_of_no_drafts(rita, path):
    draft = make_campaign(state=CampaignState.DRAFT)
    call = rita.get if "next" not in path else lambda one: rita.post(one, {})
    for key in (draft.pk, 10**30):
        assert code_of(call(path.format(key))) == (404, "not_found")


@pytest.mark.parametrize(
    ("changed", "field", "code"),
    [
        ({"grade": "great"}, "grade", "invalid_choice"),
        ({"grade": None}, "grade", "invalid_choice"),
        ({"grade": 1}, "grade", "invalid_choice"),
        ({"grade": "GOOD "}, "grade", "invalid_choice"),
        ({"grade": "\ud800"}, None, "invalid_characters"),
        ({"faults": ["place"]}, "faults", "not_with_good"),
        ({"grade": "bad", "faults": ["rain"]}, "faults.0", "invalid_choice"),
        ({"listened_s": "5"}, "listened_s", "invalid"),
        ({"listened_s": 10**400}, None, "malformed_json"),
        ({"took_s": -1}, "took_s", "min_value"),
        ({"took_s": 86_401}, "took_s", "max_value"),
        ({"heard_to_end": 1}, "heard_to_end", "invalid"),
        ({"id": 7}, "id", "invalid"),
        ({"lease": "here"}, "lease", "invalid"),
        ({"owner": 1}, "owner", "unknown_field"),
        ({"\ud800": 1}, None, "invalid_characters"),
    ],
)
def test_values_that_no_grade_has_are_refused(rita, campaign, changed, field, code):
    make_pairs(campaign, 1)
    (pair,) = rita.borrow(campaign)
    answer = rita.post("grades", grade_of(pair["token"]) | changed)
    assert code_of(answer) == (400, code)
    # JSON that cannot be read has no fields to name.
    named = [one["field"] for one in answer.json().get("errors", [])]
    assert named == ([field] if field else [])
    assert not Answer.objects.exists()


@pytest.mark.parametrize(
    "body", ["NaN", "[]", '{"wanted": 0}', '{"wanted": 13}', '{"wanted": "1"}']
)
def test_a_number_of_pairs_that_cannot_be_lent_is_refused(rita, campaign, body):
    make_pairs(campaign, 1)
    assert rita.post(f"campaigns/{campaign.pk}/next", body).status_code == 400
    assert not Slot.objects.filter(state=Slot.State.LEASED).exists()


def test_the_id_of_another_answer_is_refused(rita, campaign):
    make_pairs(campaign, 2)
    pairs = rita.borrow(campaign, 2)
    given = grade_of(pairs[0]["token"])
    rita.post("grades", given)
    for other in (grade_of(pairs[1]["token"], id=given["id"]), given | {"grade": "decent"}):
        assert code_of(rita.post("grades", other)) == (422, "answer_invalid")
    skip = {"id": given["id"], "lease": pairs[1]["token"], "reason": "unsure"}
    assert code_of(rita.post("skips", skip)) == (422, "answer_invalid")
    assert Answer.objects.count() == 1


def test_a_pair_that_others_took_is_not_graded(rita, campaign):
    (pair,) = make_pairs(campaign, 1, slots=1)
    (lent,) = rita.borrow(campaign)
    expire(*pair.slots.all())
    (taken,) = claim(make_reviewer(), campaign)
    assert code_of(rita.grade(lent["token"])) == (409, "assignment_expired")
    grade(taken)
    assert Grade.objects.count() == 1


def test_what_the_pages_refuse_is_refused_with_their_codes(rita, campaign):
    first, second = make_pairs(campaign, 2)
    pairs = rita.borrow(campaign, 2)
    answer = rita.grade(pairs[0]["token"], listened_s=0.5)
    assert code_of(answer) == (409, "listened_too_short")
    assert answer.json()["title"] == "Listen to the sound first"
    given = grade_of(pairs[0]["token"])
    rita.post("grades", given)
    answer = rita.grade(pairs[0]["token"])
    assert code_of(answer) == (409, "assignment_expired")
    assert answer.json()["title"] == "You have answered this pair already"
    Scene.objects.update(judging_allowed=False)
    assert code_of(rita.grade(pairs[1]["token"])) == (409, "pair_withdrawn")
    assert code_of(rita.get(pairs[1]["photo"])) == (404, "not_found")
    assert code_of(rita.get(pairs[1]["sound"])) == (404, "not_found")
    campaigns.close(campaign_id=campaign.pk, lead_id=rita.person.pk)
    undo = {"id": str(uuid4()), "undoes": given["id"]}
    assert code_of(rita.post("undos", undo)) == (409, "cannot_undo")
    assert {first.pk, second.pk} == set(Pair.objects.values_list("pk", flat=True))


def test_a_lease_is_of_nobody_else(rita, campaign, media):
    stored_pair(campaign)
    (pair,) = rita.borrow(campaign)
    other = Program("rob", Role.REVIEWER)
    for address in (pair["photo"], pair["sound"], f"leases/{UNKNOWN}/photo"):
        assert code_of(other.get(address)) == (404, "not_found")
    skip = {"id": str(uuid4()), "lease": pair["token"], "reason": "unsure"}
    assert code_of(other.grade(pair["token"])) == (404, "not_found")
    assert code_of(other.post("skips", skip)) == (404, "not_found")
    assert other.post("leases", {"tokens": [pair["token"]]}).json() == {"tokens": []}
    given = grade_of(pair["token"])
    rita.post("grades", given)
    assert code_of(other.post("grades", given)) == (422, "answer_invalid")
    undo = {"id": str(uuid4()), "undoes": given["id"]}
    assert code_of(other.post("undos", undo)) == (409, "cannot_undo")
    assert Answer.objects.count() == 1


def test_media_are_sent_in_ranges_whatever_type_is_accepted(rita, campaign, media):
    stored_pair(campaign)
    (pair,) = rita.borrow(campaign)
    part = rita.get(pair["sound"], Range="bytes=4-6", Accept="audio/*")
    assert (part.status_code, b"".join(part.streaming_content)) == (206, SOUND[4:7])
    assert part["Content-Range"] == f"bytes 4-6/{len(SOUND)}"
    beyond = rita.get(pair["photo"], Range="bytes=999-")
    assert code_of(beyond) == (416, "range_not_satisfiable")
    assert beyond["Content-Range"] == f"bytes */{len(PHOTO)}"
    assert rita.get(pair["photo"], Accept="image/jpeg")["Content-Type"] == "image/jpeg"
    whole = rita.get(pair["sound"])
    assert whole["Cache-Control"] == "private, max-age=600"
    assert rita.get(pair["sound"], **{"If-None-Match": whole["ETag"]}).status_code == 304


def test_a_file_that_cannot_be_read_is_a_problem(rita, campaign, media, monkeypatch):
    stored_pair(campaign)
    (pair,) = rita.borrow(campaign)

    def broken(_name):
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(default_storage, "size", broken)
    answer = rita.get(pair["photo"])
    assert code_of(answer) == (503, "storage_unavailable")
    assert answer["Retry-After"] == "30"


def test_nothing_says_what_a_pair_is(rita, campaign):
    """Not the keys of photo and recording, their content, the match, or whether it is gold."""
    campaign = make_campaign(gold_share=Decimal("0.5"), qualification_pairs=1)
    pairs = [*make_pairs(campaign, 2), *make_gold_pairs(campaign, 2)]
    Clip.objects.update(title="Waves at Cromer", author="Jo Sound")
    seen = []
    for _ in range(4):
        answer = rita.post(f"campaigns/{campaign.pk}/next", {"wanted": 1})
        if not answer.json()["pairs"]:
            break
        (pair,) = answer.json()["pairs"]
        given = grade_of(pair["token"])
        answers = [
            answer, rita.post("leases", {"tokens": [pair["token"]]}), rita.post("grades", given),
            rita.post("undos", {"id": str(uuid4()), "undoes": given["id"]}),
            rita.post("grades", grade_of(pair["token"])),
        ]  # fmt: skip
        seen += [f"{one.headers} {one.content.decode()}".lower() for one in answers]
        assert {*pair} == {
            "token", "leased_until", "photo", "photo_width_px", "photo_height_px", "sound",
            "duration_s",
        }  # fmt: skip
    assert len(seen) > 10
    seen += [
        rita.get(path).content.decode().lower()
        for path in ("campaigns", f"campaigns/{campaign.pk}", f"campaigns/{campaign.pk}/progress")
    ]
    secret = {str(pair.scene_id) for pair in pairs}
    secret |= {text for pair in pairs for text in (pair.clip.sha256, pair.scene.photo_sha256)}
    secret |= {"cromer", "jo sound", "gold", "fused", "purpose", "strength", "rank", "matcher"}
    assert [word for word in secret for text in seen if word in text] == []


def test_a_whole_number_may_be_written_with_a_point(rita, campaign):
    make_pairs(campaign, 2)
    answer = rita.post(f"campaigns/{campaign.pk}/next", '{"wanted": 2.0}')
    assert answer.status_code == 200
    assert len(answer.json()["pairs"]) == 2
