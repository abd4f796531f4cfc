"""Many programs grade one campaign at the same time, on real connections."""

from __future__ import annotations

import pytest
from django.db.models import Count

from accounts.roles import Role
from accounts.tests.races import at_once
from labelling.models import Answer, Grade, Slot
from labelling.tests.api.programs import Program, grade_of
from labelling.tests.factories import make_campaign, make_pairs

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)


def test_sixteen_programs_grade_everything_once():
    campaign = make_campaign()
    make_pairs(campaign, 8, slots=4)
    programs = [Program(f"rita{number}", Role.REVIEWER) for number in range(16)]
    kept = []

    def work(program):
        while True:
            answer = program.post(f"campaigns/{campaign.pk}/next", {"wanted": 2})
            if answer.status_code == 503:
                continue
            pairs = answer.json()["pairs"]
            if not pairs:
                return
            for pair in pairs:
                body = grade_of(pair["token"])
                assert program.post("grades", body).status_code == 201
                assert program.post("grades", body).status_code == 200
                kept.append(body["id"])

    assert at_once(*(lambda one=one: work(one) for one in programs)) == [None] * 16
    assert len(kept) == len(set(kept)) == Answer.objects.count() == Grade.objects.count() == 32
    assert set(Slot.objects.values_list("state", flat=True)) == {Slot.State.DONE}
    graded = Grade.objects.values("pair", "reviewer").annotate(times=Count("pk"))
    assert {row["times"] for row in graded} == {1}


def test_one_grade_sent_sixteen_times_at_once_is_kept_once():
    campaign = make_campaign()
    make_pairs(campaign, 1)
    program = Program("rita", Role.REVIEWER)
    (pair,) = program.borrow(campaign)
    body, statuses = grade_of(pair["token"]), []

    def send():
        statuses.append(program.post("grades", body).status_code)

    assert at_once(*[send] * 16) == [None] * 16
    assert sorted(statuses) == [200] * 15 + [201]
    assert Grade.objects.count() == Answer.objects.count() == 1
