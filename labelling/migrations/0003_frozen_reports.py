"""Frozen reports, and the trigger that keeps them."""

import django.db.models.deletion
import django.db.models.functions.datetime
import labelling.models.reports
from django.conf import settings
from django.db import migrations, models

RULES = """
-- Nothing in a row may change, and no row may go. Only its maker may lose the account.
CREATE FUNCTION labelling_frozenreport_stays() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    kept labelling_frozenreport := NEW;
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.made_by_id IS NULL THEN
        kept.made_by_id := OLD.made_by_id;
        IF kept IS NOT DISTINCT FROM OLD THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'frozen report % stays as it was made', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'labelling_frozenreport_stays';
END $$;
CREATE TRIGGER labelling_frozenreport_stays BEFORE UPDATE OR DELETE ON labelling_frozenreport
    FOR EACH ROW EXECUTE FUNCTION labelling_frozenreport_stays();
"""

UNDONE = "DROP FUNCTION labelling_frozenreport_stays() CASCADE;"


class Migration(migrations.Migration):

    dependencies = [
        ('labelling', '0002_rules_of_rows'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='FrozenReport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField(help_text='From 1, of the campaign.')),
                ('made_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('figures', models.TextField(help_text='The report as JSON.')),
                ('data', models.BinaryField(help_text='The rows behind the figures: JSON lines, gzip.')),
                ('digest', models.CharField(help_text='SHA-256 of the data.', max_length=64)),
                ('code_version', models.CharField(help_text="SHA-256 of the program's sources.", max_length=64)),
                ('versions', models.JSONField(help_text='Of matchers, models and libraries.')),
                ('seed', models.BigIntegerField(help_text='Of the draw.')),
                ('campaign', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='frozen_reports', to='labelling.campaign')),
                ('made_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-made_at', '-pk'],
                'constraints': [models.UniqueConstraint(fields=('campaign', 'number'), name='labelling_frozenreport_number_once'), models.CheckConstraint(condition=models.Q(('number__gte', 1)), name='labelling_frozenreport_number_from_1'), models.CheckConstraint(condition=models.Q(('digest', labelling.models.reports.HexSha256(models.F('data')))), name='labelling_frozenreport_digest_of_data'), models.CheckConstraint(condition=models.Q(models.Q(('figures', ''), _negated=True), models.Q(('code_version', ''), _negated=True)), name='labelling_frozenreport_is_whole')],
            },
        ),
        migrations.RunSQL(RULES, UNDONE),
    ]
