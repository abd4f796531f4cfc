"""The totals that reviewers see: none of them tells which pairs are gold."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.core.cache import caches

from accounts.roles import Role
from accounts.tests.role_holders import make_person
from labelling.models import Pair, Slot
from labelling.tests.factories import make_campaign, make_gold_pairs, make_pairs
from labelling.tests.views.test_review import claim, grade, page, send, skip, tokens_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def rita(client):
    """A reviewer, logged in."""
    client.force_login(make_person("rita", Role.REVIEWER))


@pytest.fixture(autouse=True)
def forget_counts():
    """Return what makes this process count again at once, as it does after some time."""
    caches["template_fragments"].clear()
    yield caches["template_fragments"].clear
    caches["template_fragments"].clear()


@pytest.mark.parametrize("share", ["0.1", "0.5"])
def test_a_skip_changes_the_totals_alike_whatever_the_pair_was(client, share, forget_counts):
    campaign = make_campaign(gold_share=share)
    make_pairs(campaign, 12, slots=1)
    make_gold_pairs(campaign, 12)

    def total():
        forget_counts()
        return total_of(claim(client, campaign, 1))

    def total_of(answer):
        return answer.json()["progress"]["own"]["total"]

    changes = set()
    kinds = set()
    for _ in range(10):
        before = total()
        (token,) = tokens_of(claim(client, campaign, 1))
        kinds.add(Pair.objects.get(slots__token=token).purpose)
        body = skip(token)
        forget_counts()
        changes.add(total_of(send(client, "review_answer", body)) - before)
        undo = {"id": str(uuid4()), "undoes": body["id"]}
        forget_counts()
        assert total_of(send(client, "review_undo", undo)) == before
        send(client, "review_answer", skip(token))
    assert changes == {-1}
    assert len(kinds) == 2


def test_the_total_includes_gold_that_follows_the_qualification(client, forget_counts):
    """It would grow with each gold pair and give it away."""
    campaign = make_campaign(gold_share="0.25", qualification_pairs=3)
    make_pairs(campaign, 15, slots=1)
    make_gold_pairs(campaign, 12)
    totals = []
    for _ in range(17):
        forget_counts()
        (token,) = tokens_of(answer := claim(client, campaign, 1))
        totals.append(answer.json()["progress"]["own"]["total"])
        send(client, "review_answer", grade(token))
    assert Slot.objects.filter(state="done", pair__purpose=Pair.Purpose.GOLD).count() > 5
    assert set(totals) == {15 + 3 + 5}


def test_what_is_with_others_is_told_when_nothing_is_left(client, forget_counts):
    """Before that it would grow with each grade of a real pair, and tell which are gold."""
    campaign = make_campaign()
    make_pairs(campaign, 2, slots=2)
    first, second = tokens_of(claim(client, campaign))
    words = []
    for token in (first, second):
        forget_counts()
        answer = send(client, "review_answer", grade(token)).json()
        words.append(answer["progress"]["others_words"])
    assert words == ["", "2 pairs are with other reviewers."]
    assert claim(client, campaign).json()["progress"]["others_words"] == words[1]
    assert words[1] in page(client, "review_queue")
