"""Answers fit what the API's description says of them."""

from __future__ import annotations

from uuid import uuid4

import pytest
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator

from labelling.models import GuidelineExample
from labelling.services.snapshots import freeze_report
from labelling.tests.api.programs import grade_of
from labelling.tests.factories import make_campaign, make_guideline, make_pairs

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def description():
    return SchemaGenerator().get_schema(request=None, public=True)


@pytest.fixture
def check(description):
    """Check an answer against the description of its route."""

    def fits(answer, method, route):
        responses = description["paths"][f"/api/v1/{route}"][method]["responses"]
        media_type = answer["Content-Type"]
        schema = responses[str(answer.status_code)]["content"][media_type]["schema"]
        document = {**schema, "components": description["components"]}
        assert list(Draft202012Validator(document).iter_errors(answer.json())) == []
        return answer.json()

    return fits


def test_a_round_of_grading(rita, campaign, check):
    make_pairs(campaign, 2)
    path = f"campaigns/{campaign.pk}/next"
    answer = rita.post(path, {"wanted": 1})
    token = check(answer, "post", "campaigns/{campaign_id}/next")["pairs"][0]["token"]
    given = grade_of(token, "bad", faults=["music"])
    undo = {"id": str(uuid4()), "undoes": given["id"]}
    skip = {"id": str(uuid4()), "lease": token, "reason": "unsure"}
    for route, body in (
        ("grades", given), ("grades", given), ("grades", {}), ("undos", undo), ("undos", {}),
        ("leases", {"tokens": [token]}), ("skips", skip), ("undos", undo), ("skips", {}),
    ):  # fmt: skip
        check(rita.post(route, body), "post", route)


def test_campaigns_as_each_role_sees_them(rita, lea, check):
    draft = make_guideline(published_at=None)
    campaign = make_campaign(guideline=draft)
    (pair,) = make_pairs(campaign, 1)
    GuidelineExample.objects.create(
        guideline=draft, scene=pair.scene, clip=pair.clip, grade="good", why="It fits."
    )
    for program in (rita, lea):
        check(program.get("campaigns"), "get", "campaigns")
        check(program.get(f"campaigns/{campaign.pk}"), "get", "campaigns/{campaign_id}")
        path = f"campaigns/{campaign.pk}/progress"
        check(program.get(path), "get", "campaigns/{campaign_id}/progress")
    check(rita.get("campaigns/0"), "get", "campaigns/{campaign_id}")
    draft_campaign = make_campaign(state="draft")
    check(lea.get(f"campaigns/{draft_campaign.pk}"), "get", "campaigns/{campaign_id}")


def test_reports(lea, campaign, check):
    make_pairs(campaign, 2)
    frozen = freeze_report(campaign_id=campaign.pk, lead_id=lea.person.pk)
    for name in ("report", "reports"):
        answer = lea.get(f"campaigns/{campaign.pk}/{name}")
        check(answer, "get", f"campaigns/{{campaign_id}}/{name}")
    check(lea.get(f"reports/{frozen.pk}"), "get", "reports/{report_id}")
