"""What `test_queue_machine` asks the database after each step; its docstring has the numbers."""

from __future__ import annotations

from django.db import connection

TABLES = (
    "accounts_auditentry", "labelling_adjudication", "labelling_answer", "labelling_campaign",
    "labelling_grade", "labelling_lostlease", "labelling_pair", "labelling_reopening",
    "labelling_skip", "labelling_slot",
)  # fmt: skip
ROWS = " UNION ALL ".join(
    f"SELECT '{table}', md5(string_agg(t::text, ' ' ORDER BY t::text)) FROM {table} t"
    for table in TABLES
)
INVARIANTS = """
SELECT '1 two slots', pair_id FROM labelling_slot WHERE reviewer_id IS NOT NULL
GROUP BY pair_id, reviewer_id HAVING count(*) > 1
UNION ALL SELECT '1 skipped and held', slot.pair_id FROM labelling_slot slot
JOIN labelling_skip USING (pair_id, reviewer_id)
UNION ALL SELECT '2 token', pair_id FROM labelling_slot
WHERE (state IN ('leased', 'done')) <> (token IS NOT NULL)
UNION ALL SELECT '3 done and grades', pair_id FROM (
    SELECT pair_id, reviewer_id FROM labelling_slot WHERE state = 'done'
) done FULL JOIN labelling_grade grade USING (pair_id, reviewer_id)
WHERE done IS NULL OR grade IS NULL
UNION ALL SELECT '4 fold of the log', pair_id FROM (
    SELECT id, pair_id, reviewer_id, kind FROM labelling_answer answer
    WHERE kind <> 'undo'
    AND NOT EXISTS (SELECT FROM labelling_answer WHERE undoes_id = answer.id)
    AND NOT EXISTS (SELECT FROM labelling_reopening
                    WHERE pair_id = answer.pair_id AND at > answer.at)
) log FULL JOIN (
    SELECT answer_id, pair_id, reviewer_id, 'grade' AS kind FROM labelling_grade
    UNION ALL SELECT answer_id, pair_id, reviewer_id, 'skip' FROM labelling_skip
) force USING (pair_id, reviewer_id, kind) WHERE id IS DISTINCT FROM answer_id
UNION ALL SELECT '6 closed pair has open slots', pair.id FROM labelling_pair pair
JOIN labelling_slot slot ON slot.pair_id = pair.id
WHERE pair.state IN ('settled', 'disputed') AND slot.state IN ('free', 'leased')
   OR pair.state = 'skipped' AND slot.state = 'free'
UNION ALL SELECT '6 stuck', id FROM labelling_pair pair WHERE state = 'open' AND purpose <> 'gold'
AND NOT EXISTS (SELECT FROM labelling_slot WHERE pair_id = pair.id AND state IN ('free', 'leased'))
UNION ALL SELECT '7 decision', id FROM labelling_pair pair
WHERE state <> 'settled' AND EXISTS (
    SELECT FROM labelling_adjudication WHERE pair_id = pair.id AND revoked_at IS NULL)
UNION ALL SELECT '7 no agreement', pair.id FROM labelling_pair pair
JOIN labelling_grade grade ON grade.pair_id = pair.id
WHERE pair.state = 'settled' AND NOT EXISTS (
    SELECT FROM labelling_adjudication WHERE pair_id = pair.id AND revoked_at IS NULL)
GROUP BY pair.id HAVING count(*) >= 2 * (
    SELECT max(n) FROM (
        SELECT count(*) AS n FROM labelling_grade WHERE pair_id = pair.id GROUP BY grade
    ) grades)
   OR bool_or(grade.grade = 'good') AND bool_or(grade.grade = 'bad')
UNION ALL SELECT '7 skips', id FROM labelling_pair pair WHERE state = 'skipped'
AND (SELECT count(*) FROM labelling_skip WHERE pair_id = pair.id) < 3
UNION ALL SELECT '8 place', pair.id FROM labelling_pair pair
JOIN labelling_slot slot ON slot.pair_id = pair.id
WHERE (slot.campaign_id, slot.position) <> (pair.campaign_id, pair.position)
UNION ALL SELECT '9 audit', pair.id FROM labelling_pair pair WHERE
    (SELECT count(*) FROM labelling_adjudication WHERE pair_id = pair.id)
  + (SELECT count(*) FROM labelling_reopening WHERE pair_id = pair.id)
 <> (SELECT count(*) FROM accounts_auditentry WHERE subject = 'pair ' || pair.id)
UNION ALL SELECT '9 audit of an answer', pair_id FROM labelling_answer answer
WHERE 1 <> (SELECT count(*) FROM accounts_auditentry WHERE subject = 'answer ' || answer.id)
"""


def prepare() -> None:
    """Have the database plan the query once; planning takes longer than its execution."""
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
        cursor.execute(f"PREPARE queue_invariants AS {INVARIANTS}")


def violations() -> list[tuple[str, int]]:
    """Return the name of each violated invariant, with its pair; check deferred constraints."""
    connection.check_constraints()
    with connection.cursor() as cursor:
        cursor.execute("EXECUTE queue_invariants")
        return [(str(name), int(pair)) for name, pair in cursor.fetchall()]


def rows() -> list[tuple[str, str]]:
    """Return a digest of all rows that labelling and the audit log have."""
    with connection.cursor() as cursor:
        cursor.execute(ROWS)
        return [(str(table), str(digest)) for table, digest in cursor.fetchall()]


def in_force() -> set[tuple[object, ...]]:
    """Return answer, pair, reviewer and grade of each grade in force; for skips no grade."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT answer_id, pair_id, reviewer_id, grade FROM labelling_grade "
            "UNION ALL SELECT answer_id, pair_id, reviewer_id, '' FROM labelling_skip"
        )
        return set(cursor.fetchall())
