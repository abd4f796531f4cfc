"""What labelling adds to an export of personal data."""

from __future__ import annotations

import json

import pytest
from django.core.serializers.json import DjangoJSONEncoder

from accounts.roles import Role
from accounts.tests.role_holders import make_person
from labelling.services.export_sections import GRADES
from labelling.tests.factories import make_campaign, make_gold_pairs, make_pairs, make_reviewer
from labelling.tests.views.answers import grade_pair, skip_pair
from retrieval.services.export_sections import sections

pytestmark = pytest.mark.django_db


def exported(user):
    (entry,) = GRADES.entries(user.pk)
    assert entry.name == "grades.json"
    return json.loads(json.dumps(entry.data, cls=DjangoJSONEncoder))


def test_it_is_in_the_export():
    assert GRADES in sections()


def test_a_person_gets_their_own_grades_and_skips_without_what_is_hidden():
    campaign = make_campaign(name="Harbours")
    first, second, third = make_pairs(campaign, 3)
    (gold,) = make_gold_pairs(campaign, 1, grade="good")
    rita, other = make_person("rita", Role.REVIEWER), make_person("otto", Role.REVIEWER)
    mine, others = make_reviewer(rita), make_reviewer(other)
    grade_pair(first, mine, "bad", faults=("voices",), took_s=7.5)
    skip_pair(second, mine, "unsure")
    grade_pair(gold, mine, "decent")
    grade_pair(third, others, "good")
    data = exported(rita)
    assert [(row["campaign"], row["grade"], row["faults"]) for row in data["grades"]] == [
        ("Harbours", "bad", ["voices"]), ("Harbours", "decent", [])
    ]  # fmt: skip
    assert data["grades"][0]["took_s"] == 7.5
    assert [(row["campaign"], row["reason"]) for row in data["skips"]] == [("Harbours", "unsure")]
    assert [row["kind"] for row in data["answers"]] == ["grade", "skip", "grade"]
    known = {"campaign", "grade", "faults", "listened_s", "took_s", "at", "answer_id"}
    assert set(data["grades"][1]) == known  # a gold pair looks like any other


def test_somebody_who_never_graded_has_empty_lists():
    assert exported(make_person("ned")) == {"grades": [], "skips": [], "answers": []}
