"""Take away the words of matches without a fit: their calibration called good matches "none"."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("retrieval", "0017_fit_of_matches")]

    operations = [
        migrations.RunSQL(
            "UPDATE retrieval_match SET strength = '' WHERE fit IS NULL AND strength <> ''",
            migrations.RunSQL.noop,
        )
    ]
