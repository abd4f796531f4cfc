"""Commands on a database without all migrations."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from retrieval.management.commands import import_clips, match
from retrieval.management.guards import require_migrated_database

pytestmark = pytest.mark.django_db


def test_a_migrated_database_is_accepted():
    require_migrated_database()


def test_the_first_missing_migration_is_named():
    MigrationRecorder.Migration.objects.filter(app="retrieval").delete()
    with pytest.raises(CommandError, match=r"lacks \d+ migrations; the first is retrieval\.0001_"):
        require_migrated_database()


@pytest.mark.parametrize("command", ["match", "import_clips", "heard_there"])
def test_without_tables_commands_name_the_next_step_before_they_load_models(
    command, monkeypatch, tmp_path
):
    def loaded(*arguments, **options):
        raise AssertionError("the command began its work")

    for module in (match, import_clips):
        monkeypatch.setattr(module, "DecodingPool", loaded)
        monkeypatch.setattr(module, "ModelRegistry", loaded)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE django_migrations")  # rolled back with the test
    with pytest.raises(CommandError, match=r"Run `make setup`.*\[database_not_migrated\]"):
        call_command(command, str(tmp_path))
