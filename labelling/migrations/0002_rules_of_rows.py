"""Triggers: steps of a campaign, published guidelines and answers that never change."""

from django.db import migrations

RULES = """
CREATE FUNCTION labelling_campaign_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN (
        ('draft', 'open'), ('open', 'paused'), ('paused', 'open'),
        ('open', 'closed'), ('paused', 'closed')
    ) THEN
        RAISE EXCEPTION 'campaign % cannot go from % to %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'labelling_campaign_step_known';
    END IF;
    IF OLD.state <> 'draft' AND (
        OLD.draw_digest, OLD.seed, OLD.size, OLD.design, OLD.strata, OLD.ranks, OLD.matchers,
        OLD.photo_set_id, OLD.guideline_id, OLD.drawn_at
    ) IS DISTINCT FROM (
        NEW.draw_digest, NEW.seed, NEW.size, NEW.design, NEW.strata, NEW.ranks, NEW.matchers,
        NEW.photo_set_id, NEW.guideline_id, NEW.drawn_at
    ) THEN
        RAISE EXCEPTION 'campaign % is drawn: its design stays', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'labelling_campaign_drawn_once';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER labelling_campaign_step BEFORE UPDATE ON labelling_campaign
    FOR EACH ROW EXECUTE FUNCTION labelling_campaign_step();

CREATE FUNCTION labelling_guideline_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.published_at IS NOT NULL AND (
        TG_OP = 'DELETE'
        OR (OLD.title, OLD.version, OLD.body, OLD.published_at)
            IS DISTINCT FROM (NEW.title, NEW.version, NEW.body, NEW.published_at)
    ) THEN
        RAISE EXCEPTION 'guideline % is published', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'labelling_guideline_published_stays';
    END IF;
    RETURN COALESCE(NEW, OLD);
END $$;
CREATE TRIGGER labelling_guideline_stays BEFORE UPDATE OR DELETE ON labelling_guideline
    FOR EACH ROW EXECUTE FUNCTION labelling_guideline_stays();

-- An example may go with its photo, but no other may come.
CREATE FUNCTION labelling_example_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM labelling_guideline
        WHERE id = NEW.guideline_id AND published_at IS NOT NULL
    ) THEN
        RAISE EXCEPTION 'guideline % is published', NEW.guideline_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'labelling_guideline_published_stays';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER labelling_example_stays BEFORE INSERT OR UPDATE ON labelling_guidelineexample
    FOR EACH ROW EXECUTE FUNCTION labelling_example_stays();

CREATE FUNCTION labelling_answer_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'answer % stays as it was sent', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'labelling_answer_stays';
END $$;
CREATE TRIGGER labelling_answer_stays BEFORE UPDATE OR DELETE ON labelling_answer
    FOR EACH ROW EXECUTE FUNCTION labelling_answer_stays();
"""

UNDONE = """
DROP FUNCTION labelling_campaign_step() CASCADE;
DROP FUNCTION labelling_guideline_stays() CASCADE;
DROP FUNCTION labelling_example_stays() CASCADE;
DROP FUNCTION labelling_answer_stays() CASCADE;
"""


class Migration(migrations.Migration):

    dependencies = [("labelling", "0001_initial")]

    operations = [migrations.RunSQL(RULES, UNDONE)]
