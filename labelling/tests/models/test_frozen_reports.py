"""Constraints and the trigger of frozen reports."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
from django.db import transaction
from django.db.models import ProtectedError

from accounts.roles import Role
from accounts.tests.role_holders import make_person
from labelling.tests.factories import make_campaign, make_frozen_report
from labelling.tests.models.violations import broken, changed

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 1, 1, tzinfo=UTC)  # the same in all processes: names of tests contain it


def frozen(campaign, **fields):
    with transaction.atomic():
        return make_frozen_report(campaign, **fields)


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"number": 1}, "number_once"),
        ({"number": 0}, "number_from_1"),
        ({"digest": "0" * 64}, "digest_of_data"),
        ({"digest": hashlib.sha256(b"data").hexdigest().upper()}, "digest_of_data"),
        ({"figures": ""}, "is_whole"),
        ({"code_version": ""}, "is_whole"),
    ],
    ids=str,
)
def test_constraints_of_a_frozen_report(fields, constraint):
    campaign = make_campaign()
    frozen(campaign)
    frozen(make_campaign())
    with broken(f"frozenreport_{constraint}"):
        frozen(campaign, **fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"number": 2},
        {"figures": "[]"},
        {"data": b"other", "digest": hashlib.sha256(b"other").hexdigest()},
        {"code_version": "d" * 64},
        {"versions": {"libraries": {}}},
        {"seed": 8},
        {"made_at": NOW},
        {"made_by": None, "seed": 8},
    ],
    ids=str,
)
def test_a_frozen_report_does_not_change(fields):
    report = frozen(make_campaign(), made_by=make_person("lea", Role.LEAD_REVIEWER))
    with broken("frozenreport_stays"):
        changed(report, **fields)


def test_a_frozen_report_keeps_campaign_and_maker_and_is_not_deleted():
    maker, other = (make_person(name, Role.LEAD_REVIEWER) for name in ("lea", "leo"))
    report, anonymous = frozen(make_campaign(), made_by=maker), frozen(make_campaign())
    with broken("frozenreport_stays"):
        changed(report, campaign=make_campaign())
    with broken("frozenreport_stays"):
        changed(report, made_by=other)
    with broken("frozenreport_stays"):
        changed(anonymous, made_by=other)
    with broken("frozenreport_stays"), transaction.atomic():
        report.delete()
    with pytest.raises(ProtectedError):
        report.campaign.delete()


def test_a_frozen_report_stays_when_its_maker_goes():
    maker = make_person("lea", Role.LEAD_REVIEWER)
    report = frozen(make_campaign(), made_by=maker)
    with transaction.atomic():
        maker.delete()
    report.refresh_from_db()
    assert (report.made_by, bytes(report.data)) == (None, b"data")
