from django.db import migrations, models

REASONS = ["visitor", "expired", "account", "photo_set"]


class Migration(migrations.Migration):

    dependencies = [("retrieval", "0010_scene_holds")]

    operations = [
        migrations.AlterField(
            model_name="deletedscene",
            name="reason",
            field=models.CharField(
                choices=[
                    ("visitor", "Visitor"),
                    ("expired", "Expired"),
                    ("account", "Account"),
                    ("photo_set", "Photo Set"),
                ],
                max_length=10,
            ),
        ),
        migrations.RemoveConstraint(
            model_name="deletedscene", name="retrieval_deletedscene_reason_known"
        ),
        migrations.AddConstraint(
            model_name="deletedscene",
            constraint=models.CheckConstraint(
                condition=models.Q(reason__in=REASONS),
                name="retrieval_deletedscene_reason_known",
            ),
        ),
    ]
