"""Freezing a report: what is stored, that it stays, and what has changed since."""

from __future__ import annotations

import hashlib

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEntry
from accounts.roles import Role
from accounts.tests.role_holders import make_person
from labelling.models import CampaignState, FrozenReport, PairState
from labelling.reporting.changes import Changes
from labelling.reporting.figures import make_report
from labelling.reporting.report_json import from_json
from labelling.reporting.row_lines import thawed
from labelling.selectors.report_rows import report_rows
from labelling.selectors.snapshots import report_changes
from labelling.selectors.versions import code_version
from labelling.services.errors import WrongStateError
from labelling.services.snapshots import freeze_report
from labelling.tests.factories import make_campaign, make_pairs, make_reviewer
from labelling.tests.views.answers import grade_pair
from retrieval.models import DeletedScene
from retrieval.services.deletion import delete_scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead():
    return make_person("lea", Role.LEAD_REVIEWER)


@pytest.fixture
def campaign():
    """A campaign with four pairs; two graders agree on three of them."""
    campaign = make_campaign(ranks=1)
    graders = [make_reviewer(), make_reviewer()]
    for pair, grade in zip(make_pairs(campaign, 4), ("good", "bad", "good", ""), strict=True):
        for grader in graders if grade else ():
            grade_pair(pair, grader, grade)
            pair.state = PairState.SETTLED
            pair.save()
    return campaign


def freeze(campaign, lead):
    return freeze_report(campaign_id=campaign.pk, lead_id=lead.pk)


def changed_since(campaign):
    rows = report_rows(campaign.pk)
    return report_changes(campaign.pk, rows=rows, report=make_report(rows))


def add_grade(campaign):
    pair = campaign.pairs.order_by("-position").first()
    grade_pair(pair, make_reviewer(), "decent")


def test_a_frozen_report_has_the_figures_of_now_and_the_data_to_compute_them_again(campaign, lead):
    report = make_report(report_rows(campaign.pk))
    frozen = freeze(campaign, lead)
    assert (frozen.number, frozen.made_by, frozen.campaign) == (1, lead, campaign)
    assert frozen.seed == campaign.seed
    assert report.counts.grades == 6
    assert from_json(frozen.figures) == report
    assert make_report(thawed(bytes(frozen.data))) == report
    assert frozen.digest == hashlib.sha256(bytes(frozen.data)).hexdigest()


def test_a_frozen_report_says_what_made_it(campaign, lead):
    frozen = freeze(campaign, lead)
    assert frozen.code_version == code_version()
    assert frozen.versions["matchers"] == [
        {"matcher": "fused", "version": "1", "image_models": "eye@1", "sound_models": "ear@1"}
    ]
    assert {"python", "django", "numpy"} == frozen.versions["libraries"].keys()


def test_freezing_is_in_the_audit_log(campaign, lead):
    frozen = freeze(campaign, lead)
    entry = AuditEntry.objects.filter(action="report.frozen").get()
    assert (entry.subject, entry.actor_id) == (f"campaign {campaign.pk}", lead.pk)
    assert entry.detail == {"report": frozen.pk, "number": 1, "digest": frozen.digest}


def test_a_frozen_report_stays_when_grades_change(campaign, lead):
    first = freeze(campaign, lead)
    before = (first.figures, bytes(first.data))
    add_grade(campaign)
    second = freeze(campaign, lead)
    assert (second.number, from_json(second.figures).counts.grades) == (2, 7)
    first = FrozenReport.objects.get(pk=first.pk)
    assert (first.figures, bytes(first.data)) == before


def test_where_nothing_has_changed_no_second_report_is_made(campaign, lead):
    first = freeze(campaign, lead)
    assert freeze(campaign, lead) == first
    assert FrozenReport.objects.count() == 1
    assert AuditEntry.objects.filter(action="report.frozen").count() == 1


def test_another_program_makes_another_report_of_the_same_data(campaign, lead, monkeypatch):
    freeze(campaign, lead)
    monkeypatch.setattr("labelling.services.snapshots.code_version", lambda: "e" * 64)
    assert freeze(campaign, lead).number == 2


@pytest.mark.parametrize("fields", [{"state": CampaignState.DRAFT}, {"design": "weakest"}])
def test_a_draft_and_a_worklist_have_no_report_to_freeze(lead, fields):
    with pytest.raises(WrongStateError):
        freeze(make_campaign(**fields), lead)
    assert not FrozenReport.objects.exists()


def test_rows_are_read_while_no_answer_is_stored(campaign, lead):
    with CaptureQueriesContext(connection) as captured:
        freeze(campaign, lead)
    statements = [one["sql"] for one in captured]
    lock = next(i for i, one in enumerate(statements) if "FOR NO KEY UPDATE" in one)
    grades = next(i for i, one in enumerate(statements) if 'FROM "labelling_grade"' in one)
    released = next(i for i, one in enumerate(statements) if "RELEASE SAVEPOINT" in one)
    assert lock < grades < released


def test_rows_are_read_again_where_another_lead_froze_newer_ones_meanwhile(
    campaign, lead, monkeypatch
):
    """Otherwise the last report would have the older rows."""
    others: list[FrozenReport] = []

    def slow(rows):
        if not others:
            others.append(FrozenReport())  # the other lead is not disturbed
            add_grade(campaign)
            others.append(freeze(campaign, lead))
            add_grade(campaign)
        return make_report(rows)

    monkeypatch.setattr("labelling.services.snapshots.make_report", slow)
    report = freeze(campaign, lead)
    assert [one.number for one in (others[1], report)] == [1, 2]
    assert from_json(others[1].figures).counts.grades == 7
    assert from_json(report.figures).counts.grades == 8


def test_a_frozen_report_survives_the_account_and_photos_behind_it(campaign, lead, media_root):
    frozen = freeze(campaign, lead)
    data = bytes(frozen.data)
    lead.delete()
    for pair in campaign.pairs.select_related("scene"):
        delete_scene(scene_id=pair.scene_id, reason=DeletedScene.Reason.VISITOR)
    frozen = FrozenReport.objects.get()
    assert (frozen.made_by, bytes(frozen.data)) == (None, data)
    assert from_json(frozen.figures).counts.pairs == 4


def test_data_name_no_photo_and_no_grader(campaign, lead):
    rows = report_rows(campaign.pk)
    text = str(thawed(bytes(freeze(campaign, lead).data)))
    for pair in campaign.pairs.select_related("scene"):
        assert str(pair.scene_id) not in text
        assert pair.scene.photo_sha256 not in text
    assert all(grader.key for grader in rows.graders)
    assert "GraderRow(key=0," in text


# --- what has changed since ------------------------------------------------------------------


def test_nothing_is_compared_without_a_frozen_report(campaign):
    assert changed_since(campaign) is None


def test_nothing_has_changed_yet(campaign, lead):
    frozen = freeze(campaign, lead)
    found = changed_since(campaign)
    assert (found.since, found.changes) == (frozen, Changes(0, 0, 0, 0, 0))
    assert found.then == found.now


def test_changes_since_the_last_frozen_report_are_counted(campaign, lead):
    freeze(campaign, lead)
    add_grade(campaign)
    freeze(campaign, lead)
    first, second, *_ = campaign.pairs.order_by("position")
    add_grade(campaign)
    second.adjudications.create(lead=lead, grade="good", reason="It fits.")
    first.scene.delete()
    found = changed_since(campaign)
    assert found.since.number == 2
    assert found.changes == Changes(
        grades_added=1, grades_gone=2, decisions=1, pairs_withdrawn=1, pairs_returned=0
    )
    assert (found.then.share.n, found.now.share.n) == (3, 2)
