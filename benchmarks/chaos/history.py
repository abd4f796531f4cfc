"""History of the state changes and files of all scenes, recorded by database triggers."""

from __future__ import annotations

from typing import Any, Final

from benchmarks.chaos.servers import Postgres

# Also records writes to finished rows: the fence must prevent those.
INSTALL: Final = """
CREATE TABLE chaos_history (
    id bigserial PRIMARY KEY, scene uuid NOT NULL, old_state text NOT NULL, new_state text NOT NULL,
    attempt integer NOT NULL, owner text NOT NULL, at timestamptz NOT NULL,
    lease interval
);
CREATE INDEX ON chaos_history (scene);
CREATE FUNCTION chaos_note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO chaos_history (scene, old_state, new_state, attempt, owner, at, lease)
    VALUES (OLD.id, OLD.state, NEW.state, NEW.attempts,
            CASE WHEN NEW.lease_owner = '' THEN OLD.lease_owner ELSE NEW.lease_owner END,
            clock_timestamp(), NEW.lease_expires_at - clock_timestamp());
    RETURN NULL;
END $$;
CREATE TRIGGER chaos_note AFTER UPDATE OF state, run_id, finished_at ON retrieval_scene
    FOR EACH ROW EXECUTE FUNCTION chaos_note();

CREATE TABLE chaos_files (scene uuid NOT NULL, name text NOT NULL);
CREATE FUNCTION chaos_note_files() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO chaos_files VALUES (NEW.id, NEW.photo), (NEW.id, NEW.model_input);
    RETURN NULL;
END $$;
CREATE TRIGGER chaos_note_files AFTER INSERT ON retrieval_scene
    FOR EACH ROW EXECUTE FUNCTION chaos_note_files();
"""


def claimed_by(postgres: Postgres, child: int, since: float = 0.0) -> list[str]:
    """Return the scenes that a child process claimed since a time, latest first."""
    query = (
        "SELECT scene FROM chaos_history WHERE new_state = 'processing' AND owner LIKE %s "
        "AND at > to_timestamp(%s) ORDER BY id DESC"
    )
    return postgres.column(query, f"%:{child}", since)


def scene_result(postgres: Postgres, scene: str) -> tuple[Any, ...]:
    """Return state, failure code and number of attempts of a scene."""
    query = "SELECT state, failure_code, attempts FROM retrieval_scene WHERE id = %s"
    return postgres.query(query, scene)[0]


def claimed_repeatedly(postgres: Postgres, since: float) -> list[str]:
    """Return the scenes that were claimed since a time for a second or later attempt."""
    query = (
        "SELECT DISTINCT scene::text FROM chaos_history WHERE new_state = 'processing' "
        "AND attempt > 1 AND at > to_timestamp(%s)"
    )
    return postgres.column(query, since)


def leases_of_changed_length(postgres: Postgres, since: float, tolerance_s: float) -> list[str]:
    """Return the scenes whose lease since a time differs in length from the average before."""
    query = (
        "WITH before AS (SELECT avg(lease) AS lease FROM chaos_history "
        "WHERE new_state = 'processing' AND at <= to_timestamp(%s)) "
        "SELECT scene::text FROM chaos_history, before "
        "WHERE new_state = 'processing' AND at > to_timestamp(%s) "
        "AND (abs(extract(epoch FROM chaos_history.lease - before.lease)) < %s) IS NOT TRUE"
    )
    return postgres.column(query, since, since, tolerance_s)


def finished_at_wrong_times(postgres: Postgres, since: float, tolerance_s: float) -> list[str]:
    """Return the scenes created since a time that finish before creation or in the future."""
    query = (
        "SELECT id::text FROM retrieval_scene WHERE created_at > to_timestamp(%s) "
        "AND finished_at NOT BETWEEN created_at - make_interval(secs => %s) AND now()"
    )
    return postgres.column(query, since, tolerance_s)


def unfinished(postgres: Postgres) -> int:
    query = "SELECT count(*) FROM retrieval_scene WHERE state IN ('queued', 'processing')"
    return int(postgres.query(query)[0][0])


def last_finish(postgres: Postgres, scenes: list[str]) -> float | None:
    """Return when the last of the scenes finished, in seconds since 1970."""
    return _finish(postgres, "max", "id = ANY(%s::uuid[])", scenes)


def first_finish_created_after(postgres: Postgres, since: float) -> float | None:
    """Return when the first scene that was created after a time finished."""
    condition = "created_at > to_timestamp(%s) AND finished_at > to_timestamp(%s)"
    return _finish(postgres, "min", condition, since, since)


def last_finish_created_before(postgres: Postgres, time_s: float) -> float | None:
    """Return when the last scene that was unfinished at a time finished."""
    condition = "created_at <= to_timestamp(%s) AND finished_at > to_timestamp(%s)"
    return _finish(postgres, "max", condition, time_s, time_s)


def _finish(postgres: Postgres, which: str, condition: str, *values: object) -> float | None:
    """Return when the first ("min") or last ("max") of the scenes finished, None if none did."""
    query = f"SELECT {which}(extract(epoch FROM finished_at)) FROM retrieval_scene WHERE "
    ((seconds,),) = postgres.query(query + condition, *values)
    return None if seconds is None else float(seconds)
