"""People sign up, log in, delete photos and erase accounts while the servers are restarted."""

from __future__ import annotations

import json
import signal
import zlib
from typing import Final

from django.core.signing import b64_decode

from benchmarks.chaos.invariants import ANSWERS, CLAIMS, ERASED, INJECTED, Violation
from benchmarks.chaos.people import Crowd, Person
from benchmarks.chaos.programs import wait_until
from benchmarks.chaos.servers import Postgres
from benchmarks.chaos.trial import Trial
from benchmarks.chaos.visitors import load

_PEOPLE: Final = 20
_SWEPT_WITHIN_S: Final = 75.0  # two rounds of the sweeper

_UNFINISHED: Final = """
SELECT (SELECT count(*) FROM accounts_user WHERE erasure_requested_at IS NOT NULL)
     + (SELECT count(*) FROM retrieval_discardedfile)
"""
_OWNERS: Final = """
SELECT scene.id::text, person.username FROM retrieval_scene scene
LEFT JOIN accounts_user person ON person.id = scene.owner_id WHERE scene.id = ANY(%s::uuid[])
"""
_CLAIMED: Final = """
SELECT person.username, sum((entry.detail ->> 'scenes')::int) FROM accounts_auditentry entry
JOIN accounts_user person ON person.id = entry.actor_id
WHERE entry.action = 'scenes.claimed' GROUP BY person.username
"""
_MENTION_QUERIES: Final = """
SELECT tablename, format('SELECT count(*) FROM %%I.%%I t WHERE t::text ~ %%%%s',
                         schemaname, tablename)
FROM pg_tables WHERE schemaname = 'public'
"""
_LEFT_FILES: Final = """
SELECT DISTINCT name FROM chaos_files file WHERE scene = ANY(%s::uuid[])
AND NOT EXISTS (SELECT FROM retrieval_scene WHERE file.name IN (photo, model_input))
"""


def restart_servers(trial: Trial) -> None:
    """Restart PostgreSQL and Redis twice, in good order and as in a crash."""
    crowd = Crowd(trial.rig)
    with load([crowd.keep_living] * _PEOPLE):
        trial.pause(10, 5)
        for how in (signal.SIGINT, signal.SIGQUIT):
            trial.rig.postgres.stop(how)
            trial.pause(2, 1)
            trial.rig.postgres.start()
            trial.mark()
            trial.pause(6, 3)
            trial.rig.redis.stop() if how is signal.SIGINT else trial.rig.redis.kill()
            trial.pause(2, 1)
            trial.rig.redis.start()
            trial.mark()
            trial.pause(6, 3)
    postgres = trial.rig.postgres
    wait_until(lambda: postgres.query(_UNFINISHED) == [(0,)], "erasures", within_s=_SWEPT_WITHIN_S)
    trial.violations.extend(Violation(ANSWERS, fault) for fault in crowd.faults)
    logged_in = [person for person in crowd.people if person.logged_in]
    erased = [person for person in logged_in if person.erased]
    kept = [person for person in logged_in if not person.erased]
    enough = len(logged_in) >= _PEOPLE and erased and kept
    trial.expect(enough, INJECTED, f"{len(kept)} accounts were kept and {len(erased)} erased")
    _expect_claims(trial, kept)
    _expect_erased(trial, erased)


def _expect_claims(trial: Trial, kept: list[Person]) -> None:
    """Check that each photo has its owner, and that none was claimed twice."""
    postgres = trial.rig.postgres
    expected = {scene: one.name for one in kept for scene in one.scenes if scene not in one.deleted}
    deleted = [scene for person in kept for scene in person.deleted]
    owners = dict(postgres.query(_OWNERS, [*expected, *deleted]))
    wrong = [scene for scene, name in expected.items() if owners.get(scene) != name]
    trial.expect(not wrong, CLAIMS, f"{len(wrong)} have another owner or none: {wrong[:3]}")
    back = [scene for scene in deleted if scene in owners]
    trial.expect(not back, CLAIMS, f"{len(back)} were deleted and are there: {back[:3]}")
    claims = dict(postgres.query(_CLAIMED))
    often = [one.name for one in kept if claims.get(one.name, 0) > one.sent_before_log_in]
    trial.expect(not often, CLAIMS, f"{len(often)} claimed a photo twice: {often[:3]}")


def _expect_erased(trial: Trial, erased: list[Person]) -> None:
    """Check that no row, file or session is left."""
    postgres = trial.rig.postgres
    scenes = [scene for person in erased for scene in person.scenes]
    names = "|".join(person.name for person in erased)
    mentions = [
        table for table, query in postgres.query(_MENTION_QUERIES)
        if postgres.query(query, names) != [(0,)]
    ]  # fmt: skip
    trial.expect(not mentions, ERASED, f"names are left in {mentions}")
    left = [scene for scene, _ in postgres.query(_OWNERS, scenes)]
    trial.expect(not left, ERASED, f"{len(left)} photos are left: {left[:3]}")
    files = postgres.column(_LEFT_FILES, scenes)
    kept = [name for name in files if (trial.rig.media / name).exists()]
    trial.expect(not kept, ERASED, f"{len(kept)} of {len(files)} files are left: {kept[:3]}")
    trial.expect(files, INJECTED, "the erased accounts had no photos")
    strangers = _session_users(postgres) - set(postgres.column("SELECT id FROM accounts_user"))
    trial.expect(not strangers, ERASED, f"sessions are left of accounts {sorted(strangers)}")


def _session_users(postgres: Postgres) -> set[str]:
    """Return the ids of the accounts that sessions are logged in to."""
    users = set()
    for stored in postgres.column("SELECT session_data FROM django_session"):
        payload = stored.partition(":")[0]
        content = b64_decode(payload.lstrip(".").encode())
        data = json.loads(zlib.decompress(content) if payload[0] == "." else content)
        users.add(data.get("_auth_user_id"))
    return users - {None}
