"""Reviewers grade while the server is killed, PostgreSQL restarts, and leases and clocks jump."""

from __future__ import annotations

import signal
from functools import partial
from typing import Final

from PIL import Image

from benchmarks.chaos.invariants import ANSWERS, INJECTED, LEASES, RECOVERY, Violation
from benchmarks.chaos.programs import wait_until
from benchmarks.chaos.reviewers import Round, Sent
from benchmarks.chaos.trial import Trial
from benchmarks.chaos.visitors import jpeg, load

GRADES: Final = "I13 every acknowledged grade is stored once"

_REVIEWERS: Final = 16
_GO_HOME: Final = 3  # reviewers who never come back to the pairs that they hold
_PAIRS, _GRADES = 2_000, 5_000
_QUICK_PAIRS, _QUICK_GRADES = 400, 800
_WITHIN_S: Final = 1_500.0
_LEASE_S: Final = 600.0
_TOLERANCE_S: Final = 5.0
_JUMP_S: Final = 2 * 3600.0
_OVERLAP: Final = "2.6"
_FILL: Final = (
    "from benchmarks.labelling_rows import fill_site; "
    "print(fill_site(name='reviewer', pairs={pairs}, reviewers={reviewers}, overlap='{overlap}'))"
)

_INSTALL: Final = """
CREATE TABLE chaos_slots (
    id bigserial PRIMARY KEY, slot bigint NOT NULL, pair bigint NOT NULL, old_state text NOT NULL,
    new_state text NOT NULL, old_reviewer bigint, new_reviewer bigint, old_until timestamptz,
    new_until timestamptz, at timestamptz NOT NULL
);
CREATE INDEX ON chaos_slots (slot, at);
CREATE TABLE chaos_expired (slot bigint NOT NULL, at timestamptz NOT NULL);
CREATE FUNCTION chaos_note_slot() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO chaos_slots (slot, pair, old_state, new_state, old_reviewer, new_reviewer,
                             old_until, new_until, at)
    VALUES (OLD.id, OLD.pair_id, OLD.state, NEW.state, OLD.reviewer_id, NEW.reviewer_id,
            OLD.leased_until, NEW.leased_until, clock_timestamp());
    RETURN NULL;
END $$;
CREATE TRIGGER chaos_note_slot AFTER UPDATE ON labelling_slot
    FOR EACH ROW EXECUTE FUNCTION chaos_note_slot();
"""
_EXPIRE: Final = """
SET session_replication_role = replica;  -- without the trigger
WITH expired AS (
    UPDATE labelling_slot SET leased_until = now() - interval '1 second' WHERE state = 'leased'
    RETURNING id
)
INSERT INTO chaos_expired SELECT id, clock_timestamp() FROM expired
"""
_ASSIGNED_TWICE: Final = """
SELECT slot::text FROM chaos_slots WHERE old_state = 'leased' AND new_state IN ('leased', 'done')
AND old_reviewer <> new_reviewer AND old_until > at
UNION ALL
SELECT pair_id::text FROM labelling_slot WHERE state IN ('leased', 'done')
GROUP BY pair_id, reviewer_id HAVING count(*) > 1
"""
_LOST: Final = """
SELECT key::text FROM unnest(%s::uuid[]) AS key
WHERE NOT EXISTS (SELECT FROM labelling_grade WHERE answer_id = key)
"""
_IN_FORCE: Final = """
SELECT answer_id::text FROM labelling_grade WHERE answer_id = ANY(%s::uuid[])
UNION ALL SELECT answer_id::text FROM labelling_skip WHERE answer_id = ANY(%s::uuid[])
"""
_STORED: Final = "SELECT id::text FROM labelling_answer WHERE id = ANY(%s::uuid[])"
_DOUBLED: Final = """
SELECT pair_id::text FROM labelling_grade GROUP BY pair_id, reviewer_id HAVING count(*) > 1
UNION ALL
SELECT pair.id::text FROM labelling_pair pair
WHERE (SELECT count(*) FROM labelling_slot WHERE pair_id = pair.id AND state = 'done')
   <> (SELECT count(*) FROM labelling_grade WHERE pair_id = pair.id)
UNION ALL
SELECT answer_id::text FROM labelling_grade WHERE answer_id <> ALL(%s::uuid[])
"""
_WRONG_LEASES: Final = """
SELECT slot::text FROM chaos_slots WHERE new_state = 'leased'
AND (old_until IS DISTINCT FROM new_until)
AND abs(extract(epoch FROM new_until - at) - %s) > %s
"""
_SERVED_AGAIN: Final = """
SELECT count(*), coalesce(max(extract(epoch FROM next.at - expired.at)), 0)::float8,
       count(*) FILTER (WHERE next.at IS NULL)
FROM chaos_expired expired
LEFT JOIN LATERAL (
    SELECT min(at) AS at FROM chaos_slots WHERE slot = expired.slot AND at > expired.at
) next ON true
"""
_PASSED_ON: Final = """
SELECT count(*) FROM chaos_slots WHERE old_state = 'leased' AND new_state = 'leased'
AND old_reviewer <> new_reviewer
"""


def review(trial: Trial) -> None:
    """Let 16 reviewers grade 2 000 pairs under all these faults."""
    rig = trial.rig
    pairs, enough = (_QUICK_PAIRS, _QUICK_GRADES) if trial.quick else (_PAIRS, _GRADES)
    (rig.media / "labelling.jpg").write_bytes(jpeg(Image.new("RGB", (64, 48), (60, 110, 180))))
    fill = _FILL.format(pairs=pairs, reviewers=_REVIEWERS, overlap=_OVERLAP)
    filled = rig.manage("shell", "-v0", "-c", fill)
    with rig.postgres.session() as cursor:
        cursor.execute(_INSTALL)
    names = [f"reviewer{number}" for number in range(_REVIEWERS)]
    round_ = Round(rig, int(filled.split()[-1]), names, enough)
    with load([partial(round_.review, name) for name in names]):
        for number, (how, ahead_s) in enumerate(
            ((signal.SIGINT, _JUMP_S), (signal.SIGQUIT, -_JUMP_S))
        ):
            _wait_for(round_, eighths=3 * number + 1)
            rig.web.kill()  # the keeper starts it again
            _wait_for(round_, eighths=3 * number + 2)
            rig.postgres.stop(how)
            trial.pause(2, 1)
            rig.postgres.start()
            trial.mark()
            _wait_for(round_, eighths=3 * number + 3)
            round_.gone |= set(names[:_GO_HOME])
            rig.postgres.query(_EXPIRE)
            rig.set_clock(rig.web, ahead_s=ahead_s)
        _wait_for(round_, eighths=7)
        rig.set_clock(rig.web, ahead_s=0.0)
        _wait_for(round_, eighths=8)
    trial.violations.extend(Violation(ANSWERS, fault) for fault in round_.faults)
    _expect_grades(trial, round_)
    _expect_leases(trial, round_)
    print(round_.summary(), flush=True)


def _wait_for(round_: Round, *, eighths: int) -> None:
    """Wait until so much is graded, or nobody finds more."""
    enough = round_.enough * eighths // 8
    wait_until(
        lambda: round_.graded() >= enough or round_.is_over(), f"{enough} grades",
        within_s=_WITHIN_S,
    )  # fmt: skip


def _expect_grades(trial: Trial, round_: Round) -> None:
    """Check that each acknowledged answer took effect once, and each refused one never."""
    postgres = trial.rig.postgres
    undone = {
        one.detail["undoes"] for one in round_.sent if one.kind == "undo" and one.acknowledged
    }
    done = [one for one in round_.sent if one.acknowledged and one.kind != "undo"]
    kept = [one for one in done if one.kind == "grade" and one.id not in undone]
    lost = postgres.column(_LOST, _ids(kept))
    in_force = postgres.column(_IN_FORCE, sorted(undone), sorted(undone))
    refused = [one for one in round_.sent if one.refused]
    stored = postgres.column(_STORED, _ids(refused))
    doubled = postgres.column(_DOUBLED, _ids(round_.sent))
    round_.figures |= {"lost": len(lost), "doubled": len(doubled), "in force": len(kept)}
    for wrong, what in (
        (lost, "acknowledged grades are lost"),
        (in_force, "undone answers are in force"),
        (stored, "refused answers are stored"),
        (doubled, "grades are doubled, or differ from the done slots"),
    ):
        trial.expect(not wrong, GRADES, f"{len(wrong)} {what}: {wrong[:3]}")
    enough = sum(one.kind == "grade" for one in done)
    text = f"only {enough} grades were acknowledged"
    trial.expect(enough >= round_.enough, INJECTED, text)


def _expect_leases(trial: Trial, round_: Round) -> None:
    """Check that a slot had one reviewer at a time, and that expired leases were passed on."""
    postgres = trial.rig.postgres
    twice = postgres.column(_ASSIGNED_TWICE)
    wrong = postgres.column(_WRONG_LEASES, _LEASE_S, _TOLERANCE_S)
    ((expired, slowest_s, never),) = postgres.query(_SERVED_AGAIN)
    ((passed_on,),) = postgres.query(_PASSED_ON)
    round_.figures |= {
        "assigned twice": len(twice), "expired": expired, "passed on": passed_on,
        "served again after s": slowest_s,
    }  # fmt: skip
    trial.expect(not twice, LEASES, f"{len(twice)} slots were assigned twice: {twice[:3]}")
    trial.expect(not wrong, LEASES, f"{len(wrong)} leases have another length: {wrong[:3]}")
    trial.expect(passed_on, INJECTED, "no expired lease was passed on")
    trial.expect(not never, RECOVERY, f"{never} of {expired} expired leases were not served again")
    trial.expect(slowest_s <= _LEASE_S, RECOVERY, f"an expired one waited for {slowest_s:.0f} s")


def _ids(answers: list[Sent]) -> list[str]:
    return [one.id for one in answers]
