from django.db import migrations, models
from django.db.models import F

CONSTRAINTS = (
    "state_known", "attempts_bounded", "finished_has_time", "failed_has_code",
    "processing_has_lease", "done_is_in_library",
)
COLUMNS = (
    "state", "attempts", "lease_owner", "lease_expires_at", "failure_code", "failure_detail",
    "woken_at", "started_at", "finished_at",
)


def mark_done(apps, schema_editor):
    """On the way back, mark every clip as a finished job, as the removed constraints require."""
    clips = apps.get_model("retrieval", "Clip").objects.using(schema_editor.connection.alias)
    clips.update(state="done", attempts=1, started_at=F("created_at"), finished_at=F("created_at"))


class Migration(migrations.Migration):

    dependencies = [
        ('retrieval', '0006_account_deletion'),
    ]

    operations = [
        *[migrations.RemoveConstraint("clip", f"retrieval_clip_{name}") for name in CONSTRAINTS],
        migrations.RunPython(migrations.RunPython.noop, mark_done),
        *[migrations.RemoveField("clip", name) for name in COLUMNS],
        migrations.AlterField(
            model_name='clip',
            name='added_in',
            field=models.BigIntegerField(editable=False, help_text='Snapshot of the library that first contained it.'),
        ),
        migrations.AlterField(
            model_name='clip',
            name='removed_in',
            field=models.BigIntegerField(blank=True, editable=False, help_text='First snapshot that no longer contained it.', null=True),
        ),
    ]
