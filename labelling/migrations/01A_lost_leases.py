"""Leases that ended before their answer came, and slots for a third opinion."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):

    dependencies = [("labelling", "0002_rules_of_rows")]

    operations = [
        migrations.AddField(
            model_name="slot",
            name="extra",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Added for a third opinion, not by the campaign's design.",
            ),
        ),
        migrations.CreateModel(
            name="LostLease",
            fields=[
                ("token", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("at", models.DateTimeField(db_default=Now(), editable=False)),
                (
                    "pair",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="lost_leases",
                        to="labelling.pair",
                    ),
                ),
                (
                    "reviewer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lost_leases",
                        to="labelling.reviewer",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="slot",
            index=models.Index(
                condition=models.Q(("state", "done")),
                fields=["reviewer", "campaign"],
                include=("pair",),
                name="labelling_slot_answered",
            ),
        ),
        migrations.RemoveConstraint(
            model_name="pair", name="labelling_pair_sampled_has_probability"
        ),
        migrations.AddConstraint(
            model_name="pair",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("inclusion_probability__gt", 0),
                        ("inclusion_probability__isnull", False),
                        ("inclusion_probability__lte", 1),
                        ("purpose", "sample"),
                    ),
                    models.Q(
                        models.Q(("purpose", "sample"), _negated=True),
                        ("inclusion_probability__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="labelling_pair_sampled_has_probability",
            ),
        ),
    ]
