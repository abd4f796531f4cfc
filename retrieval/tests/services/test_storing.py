"""The files and rows of a group of an import."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import pytest
from django.db import connection, transaction

from retrieval.catalogue.manifest import ManifestEntry
from retrieval.services.importing import storing
from retrieval.services.importing.decoding import DecodedRecording
from retrieval.services.importing.outcomes import Candidate, OutcomeLog
from retrieval.services.importing.profiling import ProfiledRecording
from retrieval.services.importing.storing import store_group
from retrieval.storage import content_store
from retrieval.storage.content_store import StorageError
from retrieval.tests.services.test_clips import FACTS


def locked_contents():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        )
        return cursor.fetchone()[0]


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_no_file_of_a_group_can_be_deleted_before_its_rows_are_stored(
    tmp_path, media_root, monkeypatch
):
    locked = []

    def store_clips(**_group):
        locked.append(locked_contents())
        return []

    monkeypatch.setattr(storing, "store_clips", store_clips)
    group = []
    for name in "ab":
        file = tmp_path / name
        file.write_text(name)
        entry = ManifestEntry(path=name, file=file, title=name, license="CC0-1.0")
        decoded = DecodedRecording(Candidate(entry, 1, 1, name * 64), FACTS, tmp_path)
        group.append(ProfiledRecording(decoded, {}))
    store_group(group=group, spaces=[], log=OutcomeLog(source="/sounds", on_progress=Mock()))
    assert locked == [2]
    assert locked_contents() == 0


@pytest.mark.django_db
def test_a_file_is_kept_without_a_savepoint(media_root, django_assert_num_queries):
    with transaction.atomic(), django_assert_num_queries(1):
        content_store.keep_bytes(b"sound", folder="recordings", sha256="a" * 64, suffix=".wav")


@pytest.mark.django_db
def test_a_folder_that_cannot_be_read_is_a_fault_of_the_storage(media_root, monkeypatch):
    monkeypatch.setattr(Path, "is_file", Mock(side_effect=PermissionError(13, "Permission denied")))
    with pytest.raises(StorageError, match="Permission denied"):
        content_store.keep_bytes(b"sound", folder="recordings", sha256="a" * 64, suffix=".wav")
