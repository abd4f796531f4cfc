"""Constraints of snapshots, absences and recordings that were sent."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from retrieval.models import ClipAbsence, LibraryImport, LibrarySnapshot
from retrieval.tests.factories import unsaved_clip

pytestmark = pytest.mark.django_db


def save(row):
    with transaction.atomic():
        row.save(force_insert=True)
    return row


def broken(constraint):
    return pytest.raises(IntegrityError, match=constraint)


def test_snapshots_count_from_one_and_have_a_time():
    snapshot = save(LibrarySnapshot(number=1))
    snapshot.refresh_from_db()
    assert snapshot.at is not None
    with broken("retrieval_librarysnapshot_counts"):
        save(LibrarySnapshot(number=0))


def test_an_absence_ends_after_it_begins():
    clip = save(unsaved_clip())
    save(ClipAbsence(clip=clip, removed_in=2, restored_in=3))
    with broken("retrieval_clipabsence_ends_after_it_begins"):
        save(ClipAbsence(clip=clip, removed_in=3, restored_in=3))


def test_a_file_that_was_sent_has_its_row():
    save(LibraryImport(source="/sent/1", sent_file="a", sent_row={"path": "a.wav"}))
    save(LibraryImport(source="/sent/2", sent_row={"path": "a.wav"}))  # it is imported
    with broken("retrieval_libraryimport_file_has_row"):
        save(LibraryImport(source="/sent/3", sent_file="a"))
