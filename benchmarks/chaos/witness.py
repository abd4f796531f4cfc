"""Read results repeatedly during a fault and count partial ones."""

from __future__ import annotations

import threading
from typing import Final

import psycopg2

from benchmarks.chaos.servers import Postgres

_EVERY_S: Final = 0.2
_PARAMETERS: Final = {"at_once": 60, "tolerance": 1e-3, "matches": 20}  # matches: of a result

# One read is one finished scene. It is partial unless it has a profile with sum one for each space
# of its run, and all expected matches, ranked without gaps.
_READ: Final = """
SELECT count(*), count(*) FILTER (WHERE profiles < spaces OR matches < expected OR gaps)
FROM (
    SELECT
        (SELECT count(*) FROM jsonb_object_keys(run.model_versions)) AS spaces,
        (SELECT count(*) FROM retrieval_sceneprofile p
         WHERE p.photo_sha256 = run.photo_sha256 AND run.model_versions ? p.space_id
           AND vector_dims(p.distribution) = p.classes
           AND abs((p.distribution <+> array_fill(0::real, ARRAY[p.classes::int])::vector) - 1)
               < %(tolerance)s) AS profiles,
        (SELECT count(*) FROM retrieval_match m WHERE m.run_id = run.id) AS matches,
        (SELECT max(rank) <> count(*) FROM retrieval_match m WHERE m.run_id = run.id) AS gaps,
        least(%(matches)s, run.library_size) AS expected
    FROM (SELECT run_id FROM retrieval_scene WHERE state = 'done'
          ORDER BY finished_at DESC LIMIT %(at_once)s) scene
    LEFT JOIN retrieval_matchrun run ON run.id = scene.run_id
) seen
"""


class Witness:
    """Counts reads and partial results."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self.reads = self.partial = 0

    def keep_reading(self, ended: threading.Event) -> None:
        while not ended.wait(_EVERY_S):
            try:
                self._read(ended)
            except psycopg2.ProgrammingError:
                raise
            except psycopg2.Error:
                continue  # expected during database faults

    def _read(self, ended: threading.Event) -> None:
        with self._postgres.session() as cursor:
            while not ended.wait(_EVERY_S):
                cursor.execute(_READ, _PARAMETERS)
                reads, partial = cursor.fetchone()
                self.reads += reads
                self.partial += partial
