"""A site with data, and an empty installation to restore it to."""

from __future__ import annotations

import secrets

import numpy as np
import pytest

from accounts.models import AuditEntry, User
from retrieval.storage import content_store
from retrieval.tests.factories import ClipFactory
from retrieval.tests.fakes import dummy_finder
from soundscape_site.tests.backups.restore_target import RestoreTarget


@pytest.fixture
def site(settings, tmp_path, transactional_db):
    """A small library with files, an account, an entry in the audit log."""
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.SOUNDSCAPE_INDEX_DIRECTORY = tmp_path / "index"
    make_clip = ClipFactory()
    for number in range(3):
        content = f"recording {number}".encode()
        sha256 = content_store.sha256_of_bytes(content)
        name = content_store.keep_bytes(content, folder="recordings", sha256=sha256, suffix=".ogg")
        make_clip(
            np.random.default_rng(number).dirichlet(np.ones(7)), sha256=sha256, original=name,
            title="Tab\tline\nback\\slash", peaks=bytes(range(256)),
        )  # fmt: skip
    ada = User.objects.create_user("ada", password="a long enough password")
    AuditEntry.objects.create(actor_id=ada.pk, action="logged.in", subject="ada")


@pytest.fixture
def finder(site, tmp_path, settings):
    return dummy_finder(tmp_path, settings.SOUNDSCAPE_INDEX_DIRECTORY)


@pytest.fixture(scope="package")
def migrated(django_db_setup, django_db_blocker, tmp_path_factory):
    """The name of a database with empty tables: migrations take ten times as long as a copy."""
    with django_db_blocker.unblock():
        made = RestoreTarget(_name(), tmp_path_factory.mktemp("migrated"))
    try:
        done = made.manage("migrate", "--verbosity", "0")
        assert done.returncode == 0, done.stderr
        yield made.name
    finally:
        with django_db_blocker.unblock():
            made.remove()


@pytest.fixture
def target(tmp_path, migrated, transactional_db):
    """An empty installation with tables."""
    yield from _installed(tmp_path, template=migrated)


@pytest.fixture
def target_without_tables(tmp_path, transactional_db):
    """An empty installation that was never migrated."""
    yield from _installed(tmp_path, template="template1")


def _installed(folder, *, template):
    empty = RestoreTarget(_name(), folder / "target", template=template)
    yield empty
    empty.remove()


def _name():
    return f"restored_{secrets.token_hex(4)}"
