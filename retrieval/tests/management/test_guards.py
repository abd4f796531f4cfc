"""Commands on a database that is not ready for them."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from retrieval.management.commands import import_clips, match
from retrieval.management.guards import require_migrated_database

pytestmark = pytest.mark.django_db


def test_a_migrated_database_passes():
    require_migrated_database()


def test_a_migration_that_is_missing_is_named():
    MigrationRecorder.Migration.objects.filter(app="retrieval").delete()
    with pytest.raises(CommandError, match=r"lacks \d+ migrations; the first is retrieval\.0001_"):
        require_migrated_database()


@pytest.mark.parametrize("command", ["match", "import_clips"])
def test_without_tables_commands_say_what_to_do_before_they_load_anything(
    command, monkeypatch, tmp_path
):
    def loaded(*arguments, **options):
        raise AssertionError("work was begun")

    for module in (match, import_clips):
        monkeypatch.setattr(module, "DecodingPool", loaded)
        monkeypatch.setattr(module, "ModelRegistry", loaded)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE django_migrations")  # rolled back with the test
    with pytest.raises(CommandError, match=r"Run `make setup`.*\[database_not_migrated\]"):
        call_command(command, str(tmp_path))
