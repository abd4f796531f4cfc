"""Declarations of all faults; to add one, write a function of a `Trial` and declare it here."""

from __future__ import annotations

from functools import partial
from typing import Final

from benchmarks.chaos.faults import (
    clocks,
    database,
    disks,
    labelling,
    people,
    redis,
    requests,
    traffic,
    workers,
)
from benchmarks.chaos.trial import Fault

_CHILD_S: Final = 10.0
_WORKER_S: Final = 90.0
_POISON_S: Final = 120.0

_RedisFault = partial(Fault, recovers_within_s=15.0, catches_up_within_s=60.0)

# In the order in which they run; the faults that need the real model are last.
FAULTS: Final = (
    Fault(code="F2", name="worker killed", inject=workers.kill_workers,
          recovers_within_s=_WORKER_S, quick=True),
    Fault(code="F3", name="killed between pop and record",
          inject=workers.kill_between_pop_and_record),
    Fault(code="F4", name="killed at each step", inject=workers.kill_at_each_step,
          recovers_within_s=_CHILD_S, quick=True),
    Fault(code="F5", name="poison photo", inject=workers.poison,
          recovers_within_s=_POISON_S, quick=True),
    _RedisFault(code="F6", name="Redis restarted", inject=redis.restart, quick=True),
    _RedisFault(code="F7a", name="Redis killed", inject=redis.kill),
    _RedisFault(code="F7b", name="Redis killed and wiped", inject=redis.kill_and_wipe, quick=True),
    _RedisFault(code="F8", name="Redis hangs", inject=redis.hang),
    _RedisFault(code="F9", name="Redis full", inject=redis.full, quick=True),
    Fault(code="F10", name="PostgreSQL restarted", inject=database.restart,
          recovers_within_s=10.0, catches_up_within_s=10.0, quick=True),
    Fault(code="F10b", name="PostgreSQL hangs", inject=database.hang),
    Fault(code="F11", name="connections lost", inject=database.lose_connections, quick=True),
    Fault(code="F12a", name="no connection left", inject=database.out_of_connections),
    Fault(code="F12b", name="table locked", inject=database.lock),
    Fault(code="F13", name="disk full", inject=disks.full, needs_own_disk=True),
    Fault(code="F14", name="servers' disks full", inject=disks.servers_full, needs_own_disk=True),
    Fault(code="F15", name="disk read-only", inject=disks.read_only, needs_own_disk=True),
    Fault(code="F16", name="slow, cut, blocked network", inject=traffic.slow_network),
    Fault(code="F17", name="slow clients, hang-ups", inject=traffic.slow_clients),
    Fault(code="F17b", name="costly photos", inject=traffic.costly_photos),
    Fault(code="F18", name="clock jumps", inject=clocks.jump, recovers_within_s=_CHILD_S,
          catches_up_within_s=_CHILD_S),
    Fault(code="F19", name="messages delivered six times", inject=traffic.duplicate_delivery,
          quick=True),
    Fault(code="F20", name="stale worker resumes", inject=workers.resume_stale_worker, quick=True),
    Fault(code="F21", name="one key, fifty at once", inject=requests.one_key_at_once, quick=True),
    Fault(code="F22", name="same photo uploaded at once", inject=traffic.same_photo_at_once,
          quick=True),
    _RedisFault(code="F23", name="rolling restart, unknown tasks", inject=workers.rolling_restart,
                quick=True),
    Fault(code="F28", name="servers restarted among people", inject=people.restart_servers),
    Fault(code="F29", name="16 reviewers, servers killed", inject=labelling.review),
    Fault(code="deaf", name="worker stops consuming", inject=workers.stop_consuming),
    Fault(code="F1", name="child killed", inject=workers.kill_children,
          recovers_within_s=_CHILD_S, real_model=True),
    Fault(code="F24", name="out of memory", inject=workers.out_of_memory,
          recovers_within_s=2 * _POISON_S, real_model=True),
    Fault(code="F25", name="broken weights, NaN scores", inject=workers.broken_weights,
          recovers_within_s=_POISON_S, real_model=True),
)  # fmt: skip

LONG: Final = (
    _RedisFault(
        code="F6x20", name="Redis restarted 20 times", inject=redis.restart_often, every_time=True
    ),
)
