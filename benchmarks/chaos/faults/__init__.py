"""Every fault, declared. A new one is a function of a `Trial` and a line here."""

from __future__ import annotations

from typing import Final

from benchmarks.chaos.faults import clocks, database, disks, redis, traffic, workers
from benchmarks.chaos.trial import Fault

_CHILD_S: Final = 10.0
_WORKER_S: Final = 90.0
_REDIS_S: Final = 15.0
_REDIS_BACKLOG_S: Final = 60.0
_POISON_S: Final = 120.0

# In their order; those that need the real model come last.
FAULTS: Final = (
    Fault(code="F2", name="worker killed", harm=workers.kill_workers,
          recovers_within_s=_WORKER_S, quick=True),
    Fault(code="F3", name="killed between pop and note", harm=workers.kill_between_pop_and_note),
    Fault(code="F4", name="killed at each step", harm=workers.kill_at_each_step,
          recovers_within_s=_CHILD_S, quick=True),
    Fault(code="F5", name="poison", harm=workers.poison, recovers_within_s=_POISON_S, quick=True),
    Fault(code="F6", name="Redis restarted", harm=redis.restart, recovers_within_s=_REDIS_S,
          catches_up_within_s=_REDIS_BACKLOG_S,
          quick=True),
    Fault(code="F7a", name="Redis killed", harm=redis.kill, recovers_within_s=_REDIS_S,
          catches_up_within_s=_REDIS_BACKLOG_S),
    Fault(code="F7b", name="Redis killed and wiped", harm=redis.kill_and_wipe,
          recovers_within_s=_REDIS_S,
          catches_up_within_s=_REDIS_BACKLOG_S, quick=True),
    Fault(code="F8", name="Redis hangs", harm=redis.hang, recovers_within_s=_REDIS_S,
          catches_up_within_s=_REDIS_BACKLOG_S),
    Fault(code="F9", name="Redis full", harm=redis.full, recovers_within_s=_REDIS_S,
          catches_up_within_s=_REDIS_BACKLOG_S, quick=True),
    Fault(code="F10", name="PostgreSQL restarted", harm=database.restart, quick=True),
    Fault(code="F11", name="connections lost", harm=database.lose_connections, quick=True),
    Fault(code="F12a", name="no connection left", harm=database.out_of_connections),
    Fault(code="F12b", name="table locked", harm=database.lock),
    Fault(code="F13", name="disk full", harm=disks.full, needs_own_disk=True),
    Fault(code="F14", name="servers' disks full", harm=disks.servers_full, needs_own_disk=True),
    Fault(code="F15", name="disk read-only", harm=disks.read_only, needs_own_disk=True),
    Fault(code="F16", name="slow, cut, silent network", harm=traffic.slow_network),
    Fault(code="F17", name="slow clients, hang-ups", harm=traffic.slow_clients),
    Fault(code="F18", name="clock jumps", harm=clocks.jump, recovers_within_s=_CHILD_S,
          catches_up_within_s=_CHILD_S),
    Fault(code="F19", name="messages six times", harm=traffic.duplicate_delivery, quick=True),
    Fault(code="F20", name="stale worker wakes", harm=workers.stale_worker, quick=True),
    Fault(code="F22", name="same photo at once", harm=traffic.same_photo_at_once, quick=True),
    Fault(code="F23", name="rolling restart, odd messages", harm=workers.rolling_restart,
          recovers_within_s=_REDIS_S,
          catches_up_within_s=_REDIS_BACKLOG_S, quick=True),
    Fault(code="deaf", name="worker alive but deaf", harm=workers.deaf),
    Fault(code="F1", name="child killed", harm=workers.kill_children,
          recovers_within_s=_CHILD_S, real_model=True),
    Fault(code="F24", name="out of memory", harm=workers.out_of_memory,
          recovers_within_s=2 * _POISON_S, real_model=True),
    Fault(code="F25", name="broken weights, nonsense", harm=workers.broken_weights,
          recovers_within_s=_POISON_S, real_model=True),
)  # fmt: skip

LONG: Final = (
    Fault(code="F6x20", name="Redis restarted 20 times", harm=redis.restart_often,
          recovers_within_s=_REDIS_S, every_time=True,
          catches_up_within_s=_REDIS_BACKLOG_S),
)  # fmt: skip
