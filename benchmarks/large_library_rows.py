"""Rows of a large library, made by the database: recordings, profiles, results of an import."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, Final

import numpy as np
import psycopg2
from django.db import connection
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - it is a class

from retrieval.engine.spaces.class_groups import group_sums
from retrieval.engine.spaces.space import ClassSpace
from retrieval.engine.vocabulary.labels import load_vocabulary
from retrieval.models import Clip, ClipProfile, ImportItem
from retrieval.models.vectors import vector_text
from retrieval.selectors.networks import available_spaces
from soundscape_site.embedded.database import SUPERUSER

SOURCE: Final = "/data/library.csv"
GROUP: Final = 24
"""Recordings that an import stores at one snapshot."""

WHOLE_EVERY: Final = 200
"""One in so many recordings has its whole profile of objects, the others have the first 8 values
of it: 2 million whole profiles take 8 GB, and only those that are read need them."""

NEWEST_WHOLE: Final = 10 * GROUP
_POOL: Final = 1000
_SHORT: Final = 8
_WITHDRAWN_EVERY: Final = 100

# A number in [0, 1) that depends on n and k alone.
_RANDOM: Final = """
CREATE FUNCTION pg_temp.u(n bigint, k bigint) RETURNS float8 LANGUAGE sql IMMUTABLE
RETURN (hashint8extended(n, k) & 1048575)::float8 / 1048576;
CREATE FUNCTION pg_temp.pick(words text[], x float8) RETURNS text LANGUAGE sql IMMUTABLE
RETURN words[1 + floor(cardinality(words) * x * x * x)::int];
"""
_CLIPS: Final = """
INSERT INTO retrieval_clip (
    id, sha256, path, title, tags, author, license, license_url, source_url, collection, original,
    preview, media_type, byte_size, duration_s, sample_rate_hz, channels, loudness_lufs,
    true_peak_dbtp, peaks, sounds, sound_tags, flags, added_in, removed_in, withdrawn_reason
)
SELECT n, encode(sha256(convert_to(n::text, 'UTF8')), 'hex'),
       'part-' || n / 1000 || '/recording-' || n || '.ogg',
       pg_temp.pick(%(words)s, pg_temp.u(n, 1)) || ' ' || pg_temp.pick(%(words)s, pg_temp.u(n, 2))
       || ' ' || 'place' || n %% 50000,
       ARRAY[pg_temp.pick(%(words)s, pg_temp.u(n, 3)), pg_temp.pick(%(words)s, pg_temp.u(n, 4)),
             'tag' || floor(5000 * pg_temp.u(n, 5))],
       'Author ' || floor(20000 * pg_temp.u(n, 6)),
       pg_temp.pick(%(licenses)s, pg_temp.u(n, 7)), '', 'https://example.org/' || n / 3,
       pg_temp.pick(%(collections)s, pg_temp.u(n, 8)), 'recordings/' || n || '.ogg',
       'previews/' || n || '.ogg', 'audio/ogg', 100000 + n %% 1000000,
       5 + 300 * pg_temp.u(n, 9) ^ 6, 48000, 2, -23, -1, decode(repeat(md5(n::text), 50), 'hex'),
       jsonb_build_array(
           jsonb_build_object('key', 'k', 'name', pg_temp.pick(%(sounds)s, pg_temp.u(n, 10)),
                              'score', 0.5)),
       ARRAY[pg_temp.pick(%(sounds)s, pg_temp.u(n, 10)),
             pg_temp.pick(%(sounds)s, pg_temp.u(n, 11))],
       CASE WHEN pg_temp.u(n, 12) < 0.01 THEN ARRAY['speech'] ELSE '{}' END,
       1 + n / %(group)s,
       CASE WHEN n %% %(withdrawn_every)s = 7 THEN 2 + %(last)s / %(group)s + n %% 50 END,
       CASE WHEN n %% %(withdrawn_every)s = 7 THEN 'bad' ELSE '' END
FROM generate_series(%(first)s, %(last)s) n
"""
_PROFILES: Final = """
INSERT INTO retrieval_clipprofile (
    clip_id, space_id, classes, model_version, distribution, group_sums, added_in
)
SELECT n, %(space)s, %(classes)s, %(model)s,
       CASE WHEN %(whole)s OR n %% %(whole_every)s = 0 OR n > %(last)s - %(newest)s
            THEN whole ELSE short END,
       sums, 1 + n / %(group)s
FROM generate_series(%(first)s, %(last)s) n JOIN pool ON pool.number = n %% %(pool)s
"""
_ITEMS: Final = """
INSERT INTO retrieval_importitem (
    source, path, byte_size, modified_ns, row_digest, outcome, code, detail, clip_id
)
SELECT %(source)s, 'part-' || n / 1000 || '/recording-' || n || '.ogg', 100000, 1, md5(n::text),
       CASE WHEN n %% 100 = 1 THEN 'failed' ELSE 'imported' END,
       CASE WHEN n %% 100 = 1 THEN 'decode_failed_' || n %% 3 ELSE '' END, '',
       CASE WHEN n %% 100 <> 1 THEN n END
FROM generate_series(%(first)s, %(last)s) n
"""
_SNAPSHOTS: Final = """
INSERT INTO retrieval_librarysnapshot (number)
SELECT number FROM generate_series(1, 60 + %(last)s / %(group)s) number ON CONFLICT DO NOTHING;
UPDATE retrieval_library SET snapshot = 60 + %(last)s / %(group)s;
SELECT setval(pg_get_serial_sequence('retrieval_clip', 'id'), %(last)s)
"""
_WORDS: Final = """
waves wind forest rain birds harbour storm river night market street crowd bells thunder beach train
station park dawn insects meadow mountain snow creek waterfall fire city traffic church playground
cafe fountain seagulls frogs desert cave bridge ferry swamp volcano
"""


def fill(size: int) -> None:
    """Grow the library to a number of recordings, then gather the planner's statistics."""
    last = Clip.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    if last >= size:
        return
    values: dict[str, Any] = {
        "first": last + 1, "last": size, "group": GROUP, "source": SOURCE, "words": _WORDS.split(),
        "licenses": ["CC0-1.0", "CC-BY-4.0", "CC-BY-NC-4.0", "unknown"],
        "collections": ["", *(f"Collection {number}" for number in range(60))],
        "sounds": [label.name for label in load_vocabulary("audioset")],
        "withdrawn_every": _WITHDRAWN_EVERY, "whole_every": WHOLE_EVERY, "pool": _POOL,
        "newest": NEWEST_WHOLE,
    }  # fmt: skip
    with _superuser() as cursor:
        # No checks of foreign keys: the rows refer to each other by how they are made.
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("SET maintenance_work_mem = '512MB'; SET synchronous_commit = off")
        cursor.execute(_RANDOM)
        with _without_indexes(cursor, Clip._meta.db_table):
            cursor.execute(_CLIPS, values)
        cursor.execute(
            "ALTER TABLE retrieval_clipprofile "
            "DROP CONSTRAINT IF EXISTS retrieval_clipprofile_fills_space"
        )
        with _without_indexes(cursor, ClipProfile._meta.db_table):
            for space in available_spaces():
                _make_pool(cursor, space)
                cursor.execute(
                    _PROFILES,
                    values
                    | {"space": space.name, "classes": len(space), "model": space.audio_model}
                    | {"whole": space.name == "heard"},
                )
        with _without_indexes(cursor, ImportItem._meta.db_table):
            cursor.execute(_ITEMS, values)
        cursor.execute(_SNAPSHOTS, values)
        cursor.execute("VACUUM ANALYZE")


@contextmanager
def _superuser() -> Iterator[Cursor]:
    settings = connection.settings_dict
    opened = psycopg2.connect(
        host=settings["HOST"], port=settings["PORT"], dbname=settings["NAME"], user=SUPERUSER
    )
    opened.autocommit = True
    with closing(opened), opened.cursor() as cursor:
        yield cursor


@contextmanager
def _without_indexes(cursor: Cursor, table: str) -> Iterator[None]:
    """Drop a table's indexes, but those of constraints, and make them again in the end."""
    cursor.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s AND NOT EXISTS "
        "(SELECT FROM pg_constraint WHERE conindid = indexname::regclass)",
        [table],
    )
    found = cursor.fetchall()
    for name, _definition in found:
        cursor.execute(f'DROP INDEX "{name}"')
    yield
    for _name, definition in found:
        cursor.execute(definition)


def _make_pool(cursor: Cursor, space: ClassSpace) -> None:
    """Make the profiles that recordings share: peaked on a few classes, with a flat tail."""
    rng = np.random.default_rng(7)
    rows = np.exp(2 * rng.standard_normal((_POOL, len(space))))
    rows /= rows.sum(axis=1, keepdims=True)
    sums = group_sums(rows, space=space.name)
    cursor.execute("DROP TABLE IF EXISTS pool")
    cursor.execute("CREATE TEMP TABLE pool (number int, whole vector, short vector, sums halfvec)")
    cursor.executemany(
        "INSERT INTO pool VALUES (%s, %s, %s, %s)",
        [
            (number, *map(vector_text, (row, row[:_SHORT], sums[number])))
            for number, row in enumerate(rows)
        ],
    )
    cursor.execute("ANALYZE pool")
