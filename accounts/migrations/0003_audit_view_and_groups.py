"""The view of the audit log with its right, and the groups of the roles."""

from django.conf import settings
from django.db import migrations

GROUPS = ("reviewer", "lead reviewer", "librarian")


def make_audit_view(apps, schema_editor):
    """Let the application's role read the audit log through a view, and do nothing else with it."""
    role = schema_editor.quote_name(settings.DATABASE_APP_ROLE)
    schema_editor.execute("CREATE VIEW accounts_auditlog AS SELECT * FROM accounts_auditentry")
    schema_editor.execute(f"REVOKE ALL ON accounts_auditlog FROM {role}")  # default privileges
    schema_editor.execute(f"GRANT SELECT ON accounts_auditlog TO {role}")


def drop_audit_view(apps, schema_editor):
    """Drop the view."""
    schema_editor.execute("DROP VIEW accounts_auditlog")


def make_groups(apps, schema_editor):
    """Make the groups of the roles; apps that have permissions give them to these."""
    groups = apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias)
    for name in GROUPS:
        groups.get_or_create(name=name)


class Migration(migrations.Migration):

    dependencies = [("accounts", "0002_people")]

    operations = [
        migrations.RunPython(make_audit_view, drop_audit_view),
        migrations.RunPython(make_groups, migrations.RunPython.noop),
    ]
