"""Constraints of exports: each test violates one and expects its name."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils import timezone

from accounts.models import User
from retrieval.models import DataExport

pytestmark = pytest.mark.django_db

NOW = timezone.now()
DONE = {"state": "done", "finished_at": NOW, "file": "exports/x.zip", "byte_size": 1}
HELD = {"state": "processing", "lease_owner": "w", "lease_expires_at": NOW}


@pytest.fixture
def ada():
    return User.objects.create_user("ada")


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"state": "resting"}, "state_known"),
        ({"attempts": 4}, "attempts_bounded"),
        (DONE | {"finished_at": None}, "finished_has_time"),
        ({"finished_at": NOW}, "finished_has_time"),
        ({"state": "failed", "finished_at": NOW}, "failed_has_code"),
        ({"failure_code": "poison"}, "failed_has_code"),
        (HELD | {"lease_owner": ""}, "processing_has_lease"),
        (HELD | {"state": "queued"}, "processing_has_lease"),
        (DONE | {"file": ""}, "done_has_file"),
        (DONE | {"byte_size": 0}, "done_has_file"),
        (DONE | {"byte_size": None}, "done_has_file"),
    ],
)
def test_constraints_of_an_export(ada, fields, constraint):
    with pytest.raises(IntegrityError, match=f"retrieval_dataexport_{constraint}"):
        DataExport.objects.create(user=ada, **fields)


@pytest.mark.parametrize("fields", [{}, HELD])
def test_a_person_has_one_open_export(ada, fields):
    DataExport.objects.create(user=ada, **DONE)
    DataExport.objects.create(user=ada, **HELD)
    DataExport.objects.create(user=User.objects.create_user("bob"))
    with (
        pytest.raises(IntegrityError, match="retrieval_dataexport_open_once"),
        transaction.atomic(),
    ):
        DataExport.objects.create(user=ada, **fields)


def test_a_person_with_an_export_cannot_be_deleted(ada):
    DataExport.objects.create(user=ada, **DONE)
    with pytest.raises(ProtectedError):
        ada.delete()
