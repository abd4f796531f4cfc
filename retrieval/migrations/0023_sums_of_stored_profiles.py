"""Store the sums of old profiles, in batches that commit: what was interrupted goes on."""

from django.db import connections, migrations

from retrieval.engine.spaces.class_groups import group_sums
from retrieval.models.vectors import vector_text

BATCH = 2000
UPDATE = """
UPDATE retrieval_clipprofile profile SET group_sums = summed.sums::halfvec
FROM unnest(%s::bigint[], %s::text[]) AS summed (id, sums) WHERE profile.id = summed.id
"""


def store_sums(apps, schema_editor):
    alias, last = schema_editor.connection.alias, 0
    profiles = apps.get_model("retrieval", "ClipProfile").objects.using(alias)
    rows = profiles.filter(group_sums=None).order_by("pk")
    while batch := rows.filter(pk__gt=last).values_list("pk", "space_id", "distribution")[:BATCH]:
        ids = [pk for pk, _, _ in batch]
        sums = [vector_text(group_sums(values, space=space)) for _, space, values in batch]
        with connections[alias].cursor() as cursor:
            cursor.execute(UPDATE, [ids, sums])
        last = ids[-1]


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("retrieval", "0022_group_sums")]

    operations = [migrations.RunPython(store_sums, migrations.RunPython.noop)]
