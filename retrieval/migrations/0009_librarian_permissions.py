"""What librarians may do in the admin."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

LIBRARIAN = "librarian"
GIVEN = (
    "view_clip",
    "change_clip",
    "view_importitem",
    "view_libraryimport",
    "add_libraryimport",
    "view_libraryprofiling",
    "view_profilefailure",
    "view_heardoverride",
    "add_heardoverride",
)


def give(apps, schema_editor):
    """Make the permissions, which Django would make after all migrations, and give them."""
    alias = schema_editor.connection.alias
    app = apps.get_app_config("retrieval")
    app.models_module = True  # without it Django takes the app for one without models
    create_permissions(app, apps=apps, verbosity=0, using=alias)
    app.models_module = None
    permissions = apps.get_model("auth", "Permission").objects.using(alias)
    group = apps.get_model("auth", "Group").objects.using(alias).get(name=LIBRARIAN)
    group.permissions.add(
        *permissions.filter(content_type__app_label="retrieval", codename__in=GIVEN)
    )


class Migration(migrations.Migration):

    dependencies = [
        ("retrieval", "0008_visibility_reports_exports"),
        ("accounts", "0003_audit_view_and_groups"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(give, migrations.RunPython.noop)]
