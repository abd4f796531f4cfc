"""Every change of state of every scene, recorded by a database trigger."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from benchmarks.chaos.servers import Postgres

# A write to a finished row is recorded too: the fence should have prevented it.
INSTALL: Final = """
CREATE TABLE chaos_history (
    id bigserial PRIMARY KEY, scene uuid NOT NULL, came_from text NOT NULL, went_to text NOT NULL,
    attempt integer NOT NULL, owner text NOT NULL, at timestamptz NOT NULL,
    lease interval
);
CREATE INDEX ON chaos_history (scene);
CREATE FUNCTION chaos_note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO chaos_history (scene, came_from, went_to, attempt, owner, at, lease)
    VALUES (OLD.id, OLD.state, NEW.state, NEW.attempts,
            CASE WHEN NEW.lease_owner = '' THEN OLD.lease_owner ELSE NEW.lease_owner END,
            clock_timestamp(), NEW.lease_expires_at - clock_timestamp());
    RETURN NULL;
END $$;
CREATE TRIGGER chaos_note AFTER UPDATE OF state, run_id, finished_at ON retrieval_scene
    FOR EACH ROW EXECUTE FUNCTION chaos_note();
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a scene ended."""

    state: str
    code: str
    attempts: int


def held_by(postgres: Postgres, child: int) -> list[str]:
    """Return the scene that a child claimed last."""
    rows = postgres.ask(
        "SELECT scene::text FROM chaos_history WHERE went_to = 'processing' AND owner LIKE %s "
        "ORDER BY id DESC LIMIT 1",
        f"%:{child}",
    )
    return [row[0] for row in rows]


def ended(postgres: Postgres, scene: str) -> Ended:
    query = "SELECT state, failure_code, attempts FROM retrieval_scene WHERE id = %s"
    return Ended(*postgres.ask(query, scene)[0])


def is_finished(postgres: Postgres, scene: str) -> bool:
    return ended(postgres, scene).state in ("done", "failed")


def claims(postgres: Postgres, child: int, since: float) -> int:
    """Count a child's claims since a time."""
    query = (
        "SELECT count(*) FROM chaos_history WHERE went_to = 'processing' AND owner LIKE %s "
        "AND at > to_timestamp(%s)"
    )
    return int(postgres.ask(query, f"%:{child}", since)[0][0])


def claimed_again(postgres: Postgres, since: float) -> list[str]:
    """Return the scenes that were claimed again since a time."""
    query = (
        "SELECT DISTINCT scene::text FROM chaos_history WHERE went_to = 'processing' "
        "AND attempt > 1 AND at > to_timestamp(%s)"
    )
    return [row[0] for row in postgres.ask(query, since)]


def leases_unlike_before(postgres: Postgres, since: float, tolerance_s: float) -> list[str]:
    """Return the scenes whose leases since a time differ in length from those before."""
    query = (
        "WITH before AS (SELECT avg(lease) AS lease FROM chaos_history "
        "WHERE went_to = 'processing' AND at <= to_timestamp(%s)) "
        "SELECT scene::text FROM chaos_history, before "
        "WHERE went_to = 'processing' AND at > to_timestamp(%s) "
        "AND (abs(extract(epoch FROM chaos_history.lease - before.lease)) < %s) IS NOT TRUE"
    )
    return [row[0] for row in postgres.ask(query, since, since, tolerance_s)]


def finished_at_odd_times(postgres: Postgres, since: float, tolerance_s: float) -> list[str]:
    """Return the scenes created since a time that ended before their creation or in future."""
    query = (
        "SELECT id::text FROM retrieval_scene WHERE created_at > to_timestamp(%s) "
        "AND finished_at NOT BETWEEN created_at - make_interval(secs => %s) AND now()"
    )
    return [row[0] for row in postgres.ask(query, since, tolerance_s)]


def unfinished(postgres: Postgres) -> int:
    query = "SELECT count(*) FROM retrieval_scene WHERE state IN ('queued', 'processing')"
    return int(postgres.ask(query)[0][0])


def last_finish(postgres: Postgres, scenes: list[str]) -> float | None:
    """Return when the last of the scenes ended, in seconds since 1970."""
    query = (
        "SELECT max(extract(epoch FROM finished_at)) FROM retrieval_scene "
        "WHERE id = ANY(%s::uuid[])"
    )
    return _seconds(postgres.ask(query, scenes))


def first_finish_of_newcomers(postgres: Postgres, since: float) -> float | None:
    """Return when the first scene created after a time ended."""
    query = (
        "SELECT min(extract(epoch FROM finished_at)) FROM retrieval_scene "
        "WHERE created_at > to_timestamp(%s) AND finished_at > to_timestamp(%s)"
    )
    return _seconds(postgres.ask(query, since, since))


def last_finish_of_those_before(postgres: Postgres, moment: float) -> float | None:
    """Return when the last scene that was unfinished at a time ended."""
    query = (
        "SELECT max(extract(epoch FROM finished_at)) FROM retrieval_scene "
        "WHERE created_at <= to_timestamp(%s) AND finished_at > to_timestamp(%s)"
    )
    return _seconds(postgres.ask(query, moment, moment))


def _seconds(rows: list[tuple[Decimal | None]]) -> float | None:
    return None if rows[0][0] is None else float(rows[0][0])
