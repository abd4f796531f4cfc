"""Backup and restoration by the commands, from a site with data to an empty installation."""

from __future__ import annotations

import gzip
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import numpy as np
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from accounts.models import User
from retrieval.models import DeletedScene, Library, RowSet, Scene, StoredRow
from retrieval.selectors.media_files import named_files
from retrieval.services.deletion import delete_scene
from retrieval.services.scenes import find_sounds
from retrieval.storage import content_store
from retrieval.storage.content_store import DRAFT_PREFIX
from retrieval.tests.photos import accepted
from soundscape_site.backups.layout import table_path
from soundscape_site.backups.saving import save_backup
from soundscape_site.tests.backups.restore_target import execute
from soundscape_site.tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

VISITOR = DeletedScene.Reason.VISITOR

DIGEST = "SELECT count(*), md5(string_agg(r::text, '|' ORDER BY r::text)) FROM {} r"
AS_THEY_WERE = [  # visitors upload and delete meanwhile
    "accounts_user",
    "auth_permission",
    "django_migrations",
    "retrieval_clip",
    "retrieval_clipprofile",
    "retrieval_space",
]
ENTRIES_BEFORE = "(SELECT * FROM {} WHERE action = 'logged.in')"


def digest(database, table):
    ((rows, md5),) = execute(database, DIGEST.format(table))
    return rows, md5


class Visitors:
    """Upload and delete in two threads until stopped; `kept` are the acknowledged scenes."""

    def __init__(self):
        self.kept = set()
        self._numbers, self._stop, self._busy = count(1000), threading.Event(), threading.Barrier(3)
        self._pool = ThreadPoolExecutor(max_workers=2)
        self._visits = [self._pool.submit(self._visit) for _ in range(2)]
        self._busy.wait(timeout=60)

    def stop(self):
        self._stop.set()
        self._pool.shutdown()
        for visit in self._visits:
            visit.result()

    def _visit(self):
        try:
            for turn in count():
                scene = accepted(next(self._numbers))
                if turn % 3 == 1:
                    delete_scene(scene_id=scene.pk, reason=VISITOR)
                else:
                    self.kept.add(scene.pk)
                if turn == 5:
                    self._busy.wait(timeout=60)
                if self._stop.is_set():
                    return
        finally:
            connection.close()


@pytest.fixture
def visitors(site):
    visitors = Visitors()
    yield visitors
    visitors.stop()


def test_a_backup_under_load_can_be_restored(visitors, target_without_tables, tmp_path):
    target = target_without_tables
    acknowledged = {accepted(number).pk for number in range(100)} | set(visitors.kept)
    folder = tmp_path / "backup"
    call_command("backup", str(folder))
    uploaded_meanwhile = set(visitors.kept) - acknowledged
    visitors.stop()
    assert uploaded_meanwhile, "no upload happened while the backup was made"

    restored = target.manage("restore", folder)
    assert restored.returncode == 0, restored.stderr
    code, report = target.check_media()
    assert code == 0, report
    there = {pk for (pk,) in target.rows("SELECT id::text FROM retrieval_scene")}
    assert {str(pk) for pk in acknowledged} <= there
    ours = connection.settings_dict["NAME"]
    for table in AS_THEY_WERE:
        assert digest(target.name, table) == digest(ours, table), table
    for log in ("accounts_auditentry", "accounts_auditlog"):
        before = digest(ours, ENTRIES_BEFORE.format(log))
        assert before[0] == 1
        assert digest(target.name, ENTRIES_BEFORE.format(log)) == before, log


def rows_of(manifest):
    return {table.name: table.rows for table in manifest.tables}


def test_all_rows_are_of_one_instant(site, tmp_path):
    accepted(1)

    def save():
        try:
            return save_backup(tmp_path / "backup", using="default")
        finally:
            connection.close()

    waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'COPY%'"
    with ThreadPoolExecutor(max_workers=1) as pool:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE retrieval_scene")
            saving = pool.submit(save)
            until(lambda: execute(connection.settings_dict["NAME"], waits))
            accepted(2)  # the accounts are saved, the scenes are not yet
            User.objects.create_user("bob")
        manifest = saving.result(timeout=60)
    rows = rows_of(manifest)
    assert (rows["accounts_user"], rows["retrieval_scene"]) == (1, 1)
    assert manifest.media_files == 3 + 2
    assert Scene.objects.count() == 2


def test_a_restored_site_works_and_its_library_has_a_new_uuid(finder, target, tmp_path):
    scene = accepted(1)
    find_sounds(scene_id=scene.pk, finder=finder, worker="w")
    call_command("backup", str(tmp_path / "backup"))
    assert target.manage("restore", tmp_path / "backup").returncode == 0
    (library,) = target.rows("SELECT uuid::text, snapshot FROM retrieval_library")
    ours = Library.objects.get()
    assert library[0] != str(ours.uuid)
    assert library[1] == ours.snapshot
    matches = "SELECT count(*) FROM retrieval_match m JOIN retrieval_scene s USING (run_id)"
    assert target.rows(matches) == [(3,)]
    (last,) = target.rows("SELECT max(id) FROM retrieval_clip")
    assert target.rows("SELECT nextval('retrieval_clip_id_seq')") == [(last[0] + 1,)]
    may = "SELECT has_table_privilege('{}', 'accounts_auditentry', '{}')"
    role = settings.DATABASE_APP_ROLE
    assert target.rows(may.format(role, "INSERT")) == [(True,)]
    assert target.rows(may.format(role, "SELECT")) == [(False,)]


def test_scenes_deleted_while_files_were_copied_stay_deleted(site, target, tmp_path):
    scenes = [accepted(number) for number in range(6)]
    order = [file.name for file in named_files()]
    by_turn = sorted(scenes, key=lambda scene: order.index(str(scene.photo.name)))
    first, last = by_turn[0], by_turn[-1]

    def meanwhile(copied):
        if copied.media_files == order.index(str(first.photo.name)) + 1:
            delete_scene(scene_id=first.pk, reason=VISITOR)
            delete_scene(scene_id=last.pk, reason=VISITOR)

    manifest = save_backup(tmp_path / "backup", using="default", on_progress=meanwhile)
    assert manifest.damaged == []
    assert {entry["id"] for entry in manifest.deleted_meanwhile} == {str(first.pk), str(last.pk)}
    restored = target.manage("restore", tmp_path / "backup")
    assert restored.returncode == 0, restored.stderr
    assert target.check_media()[1]["agrees"] is True
    assert target.rows("SELECT count(*) FROM retrieval_scene") == [(4,)]
    deleted = target.rows("SELECT id::text FROM retrieval_deletedscene")
    assert {pk for (pk,) in deleted} == {str(first.pk), str(last.pk)}


def test_existing_data_is_replaced_only_if_told(site, target, tmp_path):
    accepted(1)
    call_command("backup", str(tmp_path / "first"))
    accepted(2)
    row_set = RowSet.objects.create(key="made again", columns=1, log_q_sum=[0.0])
    StoredRow.objects.create(row_set=row_set, clip_id=1, snapshot=1, row=np.zeros(1))
    call_command("backup", str(tmp_path / "second"))
    assert target.manage("restore", tmp_path / "first").returncode == 0
    target.rows(
        "INSERT INTO retrieval_rowset (key, columns, snapshot, clips, max_abs, log_q_sum, centre, "
        "radius) VALUES ('of this library', 1, 0, 0, 0, '{}', '{}', 0) RETURNING id"
    )
    refused = target.manage("restore", tmp_path / "second")
    assert refused.returncode == 1
    assert "The database holds clips already" in refused.stderr
    assert target.rows("SELECT count(*) FROM retrieval_scene") == [(1,)]
    before = target.rows("SELECT uuid::text FROM retrieval_library")
    assert target.manage("restore", tmp_path / "second", "--replace").returncode == 0
    assert target.rows("SELECT count(*) FROM retrieval_scene") == [(2,)]
    assert target.rows("SELECT key FROM retrieval_rowset") == []  # made again from the profiles
    assert target.rows("SELECT uuid::text FROM retrieval_library") != before
    assert target.check_media()[1]["agrees"] is True


def test_other_files_are_data_too_but_not_those_of_an_interrupted_restoration(
    site, target, tmp_path
):
    accepted(1)
    folder = tmp_path / "backup"
    call_command("backup", str(folder))
    stray = target.media / "photos" / "somebody's.jpg"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"mine")
    assert target.manage("migrate", "accounts").returncode == 0  # killed while it made the tables
    refused = target.manage("restore", folder)
    assert refused.returncode == 1
    assert "somebody's.jpg" in refused.stderr
    assert target.rows("SELECT count(*) FROM retrieval_clip") == [(0,)]
    stray.unlink()
    halves = sorted(path for path in (folder / "media").rglob("*") if path.is_file())[:2]
    for number, path in enumerate(halves):  # one is complete, the other is cut off
        there = target.media / path.relative_to(folder / "media")
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_bytes(path.read_bytes()[: None if number else 3])
    (target.media / "photos" / f"{DRAFT_PREFIX}x1").write_bytes(b"a half")
    assert target.manage("restore", folder).returncode == 0
    assert target.check_media()[1]["agrees"] is True


@pytest.mark.parametrize("victim", ["media", "database", "list", "cut off"])
def test_an_altered_backup_is_refused(site, target, tmp_path, victim):
    scene = accepted(1)
    folder = tmp_path / "backup"
    call_command("backup", str(folder))
    path = {
        "media": folder / "media" / str(scene.photo.name),
        "cut off": folder / "media" / str(scene.model_input.name),
        "database": folder / "database" / "retrieval_clip.copy.gz",
        "list": folder / "media.sha256",
    }[victim]
    content = path.read_bytes()
    path.write_bytes(content[:-1] if victim == "cut off" else bytes([content[0] ^ 1]) + content[1:])
    refused = target.manage("restore", folder)
    assert refused.returncode == 1
    assert f"{path} was altered after the backup was made" in refused.stderr
    assert target.rows("SELECT count(*) FROM retrieval_scene") == [(0,)]


def test_the_manifest_describes_the_backup(site, tmp_path):
    accepted(1)
    folder = tmp_path / "backup"
    call_command("backup", str(folder))
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["format"] == 1
    assert set(manifest["versions"]) == {"django", "postgresql", "pgvector"}
    assert manifest["library"]["uuid"] == str(Library.objects.get().uuid)
    assert manifest["media_files"] == 5
    assert len((folder / "media.sha256").read_text().splitlines()) == 5
    assert folder.stat().st_mode & 0o077 == 0
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_a_backup_of_a_damaged_site_is_made_and_reports_the_damage(site, tmp_path):
    scene = accepted(1)
    (settings.MEDIA_ROOT / str(scene.photo.name)).unlink()
    (settings.MEDIA_ROOT / str(scene.model_input.name)).write_bytes(b"altered")
    with pytest.raises(CommandError, match="2 files are missing or altered"):
        call_command("backup", str(tmp_path / "backup"))
    manifest = json.loads((tmp_path / "backup" / "manifest.json").read_text())
    assert set(manifest["damaged"]) == {scene.photo.name, scene.model_input.name}


def test_a_backup_does_not_overwrite_another(site, tmp_path):
    call_command("backup", str(tmp_path / "backup"))
    with pytest.raises(CommandError, match="is not empty"):
        call_command("backup", str(tmp_path / "backup"))


def change(folder, **fields):
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"format": 2}, "has format 2, and this version reads 1"),
        ({"migrations": ["retrieval.9999_later"]}, "retrieval.9999_later first"),
        ({"migrations": ["contenttypes.0001_initial"]}, "never migrated"),
    ],
)
def test_a_backup_of_another_version_is_refused(site, tmp_path, fields, said):
    call_command("backup", str(tmp_path / "backup"))
    change(tmp_path / "backup", **fields)
    with pytest.raises(CommandError, match=said):
        call_command("restore", str(tmp_path / "backup"), replace=True)
    assert Scene.objects.count() == 0
    assert Library.objects.get().snapshot == 3


@pytest.mark.parametrize("options", [[], ["--replace"]])
def test_a_backup_of_an_earlier_version_is_migrated(site, target_without_tables, tmp_path, options):
    """Remove the migration and the table of sessions from a backup."""
    target = target_without_tables
    folder = tmp_path / "backup"
    call_command("backup", str(folder))
    manifest = json.loads((folder / "manifest.json").read_text())
    applied = table_path(folder, "django_migrations")
    lines = gzip.decompress(applied.read_bytes()).splitlines(keepends=True)
    applied.write_bytes(gzip.compress(b"".join(li for li in lines if b"\tsessions\t" not in li)))
    tables = [table for table in manifest["tables"] if table["name"] != "django_session"]
    for table in tables:
        if table["name"] == "django_migrations":
            table |= {"rows": len(lines) - 1, "sha256": content_store.sha256_of(applied)}
    migrations = [name for name in manifest["migrations"] if name != "sessions.0001_initial"]
    change(folder, tables=tables, migrations=migrations)
    restored = target.manage("restore", folder, *options)
    assert restored.returncode == 0, restored.stderr
    assert target.rows("SELECT count(*) FROM django_session") == [(0,)]
    assert target.rows("SELECT count(*) FROM django_migrations") == [(len(lines),)]
    assert target.rows("SELECT count(*) FROM retrieval_clip") == [(3,)]


def test_a_folder_without_manifest_is_no_backup(site, tmp_path):
    with pytest.raises(CommandError, match="is no backup, or one that was not finished"):
        call_command("restore", str(tmp_path))


def test_only_the_owner_saves_and_restores(site, tmp_path, settings):
    settings.MIGRATION_DATABASE = "owner"
    for command in ("backup", "restore"):
        with pytest.raises(CommandError, match="set DATABASE_OWNER_URL"):
            call_command(command, str(tmp_path / "x"))
