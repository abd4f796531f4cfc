"""The routes of reviewers: the list, the desk, pairs, answers, leases and their media."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from uuid import uuid4

import pytest
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.roles import Role
from accounts.tests.role_holders import make_person
from labelling.models import (
    Answer,
    Campaign,
    CampaignState,
    Grade,
    GuidelineExample,
    Pair,
    Reviewer,
    Skip,
    Slot,
)
from labelling.tests.factories import (
    make_campaign,
    make_clip,
    make_gold_pairs,
    make_guideline,
    make_pairs,
    make_scene,
)
from labelling.tests.stored_pairs import PHOTO, SOUND, stored_pair
from retrieval.models import Clip, Scene
from retrieval.storage.content_store import sha256_of_bytes

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign():
    return make_campaign(name="Coasts")


@pytest.fixture
def rita(client):
    """A reviewer, logged in."""
    person = make_person("rita", Role.REVIEWER)
    client.force_login(person)
    return person


@pytest.fixture
def media(settings, tmp_path):
    """An empty media folder."""
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture(autouse=True)
def forget_counts():
    """Return what makes this process count again at once, as it does after five minutes."""
    caches["template_fragments"].clear()
    yield caches["template_fragments"].clear
    caches["template_fragments"].clear()


def send(client, name, body, *args):
    return client.post(
        reverse(f"labelling:{name}", args=args), json.dumps(body), content_type="application/json"
    )


def claim(client, campaign, wanted=3):
    return send(client, "review_next", {"wanted": wanted}, campaign.pk)


def tokens_of(answer):
    return [pair["token"] for pair in answer.json()["pairs"]]


def grade(token, grade="good", **more):
    given = {"id": str(uuid4()), "token": token, "kind": "grade", "grade": grade, "faults": []}
    return given | {"listened_s": 5.0, "heard_to_end": False, "took_s": 4.2} | more


def skip(token, reason="unsure"):
    return {"id": str(uuid4()), "token": token, "kind": "skip", "reason": reason}


def page(client, name, *args):
    return client.get(reverse(f"labelling:{name}", args=args)).content.decode()


def test_the_list_says_what_is_left(client, rita, campaign, forget_counts):
    assert "All done" in page(client, "review_queue")
    make_pairs(campaign, 3)
    forget_counts()
    source = page(client, "review_queue")
    assert "3 pairs for you" in source
    assert "0 of 3" in source  # the reviewer's
    assert "0 of 6" in source  # the campaign's
    assert not Reviewer.objects.exists()  # looking makes no row


def add_campaign(client):
    """Add a campaign with qualification, of which the reviewer holds a gold pair."""
    campaign = make_campaign(qualification_pairs=1, gold_share=Decimal("0.5"))
    make_pairs(campaign, 2)
    make_gold_pairs(campaign, 2)
    claim(client, campaign, 2)


def test_the_list_takes_as_many_queries_for_4_campaigns_as_for_1(client, rita, forget_counts):
    def queries():
        forget_counts()
        with CaptureQueriesContext(connection) as captured:
            source = page(client, "review_queue")
        return source.count("data-progress="), len(captured)

    add_campaign(client)
    queries()
    bars, of_one = queries()
    for _ in range(3):
        add_campaign(client)
    assert queries() == (4 * bars, of_one)


def test_the_list_counts_the_reviewer_now_and_the_campaign_later(client, rita, campaign):
    """A campaign's bar that follows each grade would tell which pairs are gold."""
    make_pairs(campaign, 2)
    assert page(client, "review_queue").count("0 of ") == 2
    send(client, "review_answer", grade(tokens_of(claim(client, campaign))[0]))
    source = page(client, "review_queue")
    assert "1 of 2" in source  # the reviewer's
    assert "0 of 4" in source  # the campaign's


def test_the_list_without_campaigns_says_so(client, rita):
    assert "There is nothing to review at the moment." in page(client, "review_queue")


def test_a_paused_and_a_closed_campaign_have_their_own_sentences(client, rita, campaign):
    make_pairs(campaign, 1)
    Campaign.objects.update(state=CampaignState.PAUSED)
    assert "Paused by a lead." in page(client, "review_queue")
    desk = page(client, "review", campaign.pk)
    assert "This campaign is paused." in desk
    assert "data-desk" not in desk
    refusal = claim(client, campaign)
    assert (refusal.status_code, refusal.json()["code"]) == (409, "campaign_closed")
    assert refusal["Content-Type"] == "application/problem+json"
    assert set(refusal.json()) == {"type", "title", "status", "code", "detail"}


def test_a_draft_does_not_exist_for_reviewers(client, rita):
    draft = make_campaign(state=CampaignState.DRAFT)
    for name in ("review", "review_guideline"):
        assert client.get(reverse(f"labelling:{name}", args=[draft.pk])).status_code == 404
    assert claim(client, draft).status_code == 404


def test_pairs_are_lent_graded_and_counted(client, rita, campaign):
    make_pairs(campaign, 4)
    given = claim(client, campaign, 3)
    tokens = tokens_of(given)
    assert len(set(tokens)) == 3
    assert Slot.objects.filter(state="leased").count() == 3
    first = Slot.objects.get(token=tokens[0]).pair
    answer = send(client, "review_answer", grade(tokens[0], "bad", faults=["music", "place"]))
    assert answer.json()["progress"]["own"] == {"done": 1, "total": 4, "words": "1 of 4"}
    stored = Grade.objects.get()
    assert (stored.pair, stored.grade, stored.faults) == (first, "bad", ["music", "place"])
    assert (stored.listened_s, stored.took_s) == (5.0, 4.2)
    assert stored.reviewer.user == rita


def test_the_same_answer_again_is_the_same_answer(client, rita, campaign):
    make_pairs(campaign, 1)
    body = grade(tokens_of(claim(client, campaign))[0])
    first, second = (send(client, "review_answer", body) for _ in range(2))
    assert first.json()["id"] == second.json()["id"] == body["id"]
    assert Grade.objects.count() == 1


def test_a_skip_and_its_undoing(client, rita, campaign):
    make_pairs(campaign, 1)
    (token,) = tokens_of(claim(client, campaign))
    body = skip(token, "cannot_hear")
    send(client, "review_answer", body)
    assert Skip.objects.get().reason == "cannot_hear"
    assert tokens_of(claim(client, campaign)) == []
    undo = {"id": str(uuid4()), "undoes": body["id"]}
    back = send(client, "review_undo", undo).json()
    assert not Skip.objects.exists()
    assert tokens_of(claim(client, campaign)) == [back["pair"]["token"]]
    again = send(client, "review_undo", undo | {"id": str(uuid4())})
    assert (again.status_code, again.json()["code"]) == (409, "cannot_undo")


@pytest.mark.parametrize(
    "wrong",
    [
        {"grade": "perfect"},
        {"grade": ""},
        {"kind": "undo"},
        {"kind": "skip"},
        {"id": "1"},
        {"token": ["x"]},
        {"faults": ["loud"]},
        {"faults": ["music"]},  # of a good grade
        {"listened_s": "NaN"},
        {"listened_s": -1},
        {"listened_s": None},
        {"took_s": 1e9},
    ],
)
def test_what_is_no_answer_is_refused(client, rita, campaign, wrong):
    make_pairs(campaign, 1)
    refusal = send(client, "review_answer", grade(tokens_of(claim(client, campaign))[0]) | wrong)
    assert (refusal.status_code, refusal.json()["code"]) == (422, "answer_invalid")
    assert not Answer.objects.exists()


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"{", b'"x"', b"1" * 5000])
@pytest.mark.parametrize("name", ["review_answer", "review_undo"])
def test_what_is_no_json_object_is_refused(client, rita, name, body):
    refusal = client.post(reverse(f"labelling:{name}"), body, content_type="application/json")
    assert refusal.status_code == 422


def test_refusals_have_codes_and_words(client, rita, campaign):
    make_pairs(campaign, 3)
    tokens = tokens_of(claim(client, campaign))
    short = send(client, "review_answer", grade(tokens[0], listened_s=1.0))
    assert (short.status_code, short.json()["code"]) == (409, "listened_too_short")
    Scene.objects.filter(pairs__slots__token=tokens[0]).update(judging_allowed=False)
    gone = send(client, "review_answer", grade(tokens[0]))
    assert (gone.status_code, gone.json()["code"]) == (409, "pair_withdrawn")
    lost = send(client, "review_answer", grade(str(uuid4())))
    assert (lost.status_code, lost.json()["code"]) == (409, "assignment_expired")
    for refusal in (short, gone, lost):
        assert refusal.json()["title"]
        assert refusal.json()["detail"]


def test_leases_are_renewed_and_lost_ones_left_out(client, rita, campaign):
    make_pairs(campaign, 2)
    tokens = tokens_of(claim(client, campaign))
    Slot.objects.filter(token=tokens[1]).update(
        state="free", reviewer=None, token=None, leased_until=None
    )
    kept = Slot.objects.filter(token=tokens[0])
    before = kept.values_list("leased_until", flat=True).get()
    answer = send(client, "review_leases", {"tokens": [*tokens, "x", 7]})
    assert answer.json() == {"tokens": tokens[:1]}
    assert kept.filter(leased_until__gt=before).exists()


def test_photo_and_sound_are_named_by_the_token_alone(client, rita, campaign, media):
    pair = stored_pair(campaign)
    (token,) = tokens_of(claim(client, campaign))
    photo = client.get(reverse("labelling:lease_photo", args=[token]))
    assert b"".join(photo.streaming_content) == PHOTO
    sound = client.get(
        reverse("labelling:lease_sound", args=[token]), headers={"Range": "bytes=4-9"}
    )
    assert sound.status_code == 206
    assert b"".join(sound.streaming_content) == SOUND[4:10]
    for answer in (photo, sound):
        assert answer["ETag"] == f'"{token}"'
        assert answer["Cache-Control"].startswith("private")
        told = str(answer.headers)
        for secret in (pair.clip.sha256, pair.scene.photo_sha256, str(pair.scene_id)):
            assert secret not in told
        assert sha256_of_bytes(SOUND) not in told
        assert sha256_of_bytes(PHOTO) not in told


def test_media_of_a_pair_are_for_its_reviewer_and_end_with_a_skip(client, rita, campaign, media):
    stored_pair(campaign)
    (token,) = tokens_of(claim(client, campaign))
    addresses = [reverse(f"labelling:lease_{name}", args=[token]) for name in ("photo", "sound")]
    other = client_of(make_person("rolf", Role.REVIEWER))
    assert [other.get(address).status_code for address in addresses] == [404, 404]
    done = grade(token)
    send(client, "review_answer", done)
    assert [client.get(address).status_code for address in addresses] == [200, 200]
    send(client, "review_undo", {"id": str(uuid4()), "undoes": done["id"]})
    send(client, "review_answer", skip(token))
    assert [client.get(address).status_code for address in addresses] == [404, 404]


def client_of(person):
    client = Client()
    client.force_login(person)
    return client


def test_examples_play_once_the_guideline_is_published(client, rita, campaign, media):
    pair = stored_pair(campaign)
    draft = make_guideline(published_at=None)
    guided = make_campaign(guideline=draft)
    example = GuidelineExample.objects.create(
        guideline=draft, scene=pair.scene, clip=pair.clip, grade="good", why="It fits."
    )
    addresses = [
        reverse(f"labelling:example_{name}", args=[example.pk]) for name in ("photo", "sound")
    ]
    assert [client.get(address).status_code for address in addresses] == [404, 404]
    type(draft).objects.filter(pk=draft.pk).update(published_at="2026-01-01T00:00Z")
    assert [client.get(address).status_code for address in addresses] == [200, 200]
    source = page(client, "review", guided.pk)
    assert addresses[0] in source
    assert "It fits." in source
    assert pair.clip.title not in source
    Clip.objects.filter(pk=pair.clip_id).update(removed_in=9)
    assert client.get(addresses[1]).status_code == 404


def test_nothing_tells_what_a_pair_is(client, rita, forget_counts):
    campaign = make_campaign(gold_share="0.5")
    clip = make_clip(title="Gulls at the harbour", author="A. Recordist")
    scene = make_scene(title="My own harbour")
    make_pairs(campaign, 4)
    make_pairs(campaign, 1, clip=clip, scene=scene)
    make_gold_pairs(campaign, 4)
    answers = [client.get(reverse("labelling:review", args=[campaign.pk]))]
    totals, totals_after_skip = set(), set()
    for turn in range(9):
        given = claim(client, campaign)
        answers.append(given)
        if not (tokens := tokens_of(given)):
            break
        body = grade(tokens[0]) if turn % 3 else skip(tokens[0])
        forget_counts()
        answers += [send(client, "review_answer", body)]
        if turn % 3 == 0:
            totals_after_skip.add(answers[-1].json()["progress"]["own"]["total"])
            undo = {"id": str(uuid4()), "undoes": body["id"]}
            forget_counts()
            answers.append(send(client, "review_undo", undo))
        totals.add(answers[-1].json()["progress"]["own"]["total"])
    # It would grow with each gold pair if they were not expected.
    assert [len(totals), totals_after_skip] == [1, {min(totals) - 1}]
    told = "\n".join(answer.content.decode() + str(answer.headers) for answer in answers)
    secrets = [scene.title, clip.title, clip.author]
    for pair in Pair.objects.select_related("scene", "clip"):
        assert pair.scene is not None
        secrets += [str(pair.scene_id), pair.scene.photo_sha256, pair.clip.sha256, pair.clip.title]
    assert [secret for secret in secrets if secret in told] == []
    fragments = [pair["html"] for answer in answers[1:] for pair in answer.json().get("pairs", [])]
    assert fragments
    for word in ("gold", "sample", "fused", "strong", "weak", "rank", "nats", "purpose", "class_"):
        assert not any(re.search(word, fragment) for fragment in fragments), word


@pytest.mark.parametrize("role", [None, Role.LIBRARIAN])
def test_others_are_refused(client, campaign, role):
    make_pairs(campaign, 1)
    gets = [("review_queue",), ("review", campaign.pk), ("lease_photo", uuid4())]
    for name, *args in gets:
        answer = client.get(reverse(f"labelling:{name}", args=args))
        assert answer.url.startswith(reverse("account_login"))
    client.force_login(make_person("lib", *([role] if role else [])))
    for name, *args in gets:
        assert client.get(reverse(f"labelling:{name}", args=args)).status_code == 403
    assert claim(client, campaign).status_code == 403
    assert send(client, "review_answer", grade(str(uuid4()))).status_code == 403


def test_reviewers_find_the_list_in_the_header(client, rita):
    assert (
        f'href="{reverse("labelling:review_queue")}"'
        in client.get("/nothing-here/").content.decode()
    )
