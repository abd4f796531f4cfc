"""Counts acts in sliding windows, in Redis, for all processes together.

A counter is a hash with one field for each sixtieth of its window. An act passes while the newest
61 fields, which cover the window wherever it begins, count fewer acts than the limit. So no window
ever holds more; a limit is at most a sixtieth stricter than its name. Fixed windows and token
buckets, which need less memory, let up to twice the limit pass within one window.

While Redis is unavailable every act passes.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.retry import Retry

logger = logging.getLogger(__name__)

_TIMEOUT_S: Final = 0.25  # a visitor waits for it
_PAUSE_S: Final = 10.0
_PREFIX: Final = "soundscape:rates:"

# The clock of Redis, which all processes share.
_CLOCK: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""
# Reads all counters, then counts in all or in none. For each counter: its key, limit and window in
# ms; answers whether the act passes, then for each counter the acts in it and when the first leave.
_COUNT: Final = """
local parts, passes, counters, answer = 60, 1, {}, {}
for i, key in ipairs(KEYS) do
    local window = tonumber(ARGV[2 * i])
    local width = window / parts
    local part = math.floor(now / width)
    local used, first, old = 0, part, {}
    local fields = redis.call('HGETALL', key)
    for at = 1, #fields, 2 do
        local number = tonumber(fields[at])
        if number < part - parts then
            old[#old + 1] = fields[at]
        else
            used = used + tonumber(fields[at + 1])
            first = math.min(first, number)
        end
    end
    if used >= tonumber(ARGV[2 * i - 1]) then passes = 0 end
    counters[i] = {key = key, part = part, old = old, keep = math.ceil(window + width)}
    answer[2 * i] = used
    answer[2 * i + 1] = math.ceil((first + parts + 1) * width - now)
end
answer[1] = passes
if passes == 1 then
    for i, counter in ipairs(counters) do
        if #counter.old > 0 then redis.call('HDEL', counter.key, unpack(counter.old)) end
        redis.call('HINCRBY', counter.key, counter.part, 1)
        redis.call('PEXPIRE', counter.key, counter.keep)
        answer[2 * i] = answer[2 * i] + 1
    end
end
return answer
"""


@dataclass(frozen=True, slots=True)
class Counter:
    """Acts of one kind by one sender, and how many may be in a window."""

    name: str
    most: int
    window_s: int


class Standing(NamedTuple):
    """What is left of a counter, and how long until the first acts leave its window."""

    counter: Counter
    left: int
    wait_s: float


class Outcome(NamedTuple):
    """Whether an act passed, with all counters in their order."""

    passed: bool
    standings: Sequence[Standing]

    @property
    def nearest(self) -> Standing:
        """The counter that is nearest to its limit; of those that refuse, the last to end."""
        return min(self.standings, key=lambda standing: (standing.left, -standing.wait_s))


class _Outage:
    """True for `_PAUSE_S` after Redis failed, so that not every act waits for a timeout."""

    def __init__(self) -> None:
        self._ends_at = 0.0

    def __bool__(self) -> bool:
        return time.monotonic() < self._ends_at

    def begin(self) -> None:
        self._ends_at = time.monotonic() + _PAUSE_S


_outage = _Outage()


def count(counters: Sequence[Counter]) -> Outcome | None:
    """Count an act in all counters, or in none if one of them is full.

    Returns None if there are no counters or Redis is unavailable.
    """
    if not counters or _outage:
        return None
    keys = [f"{_PREFIX}{counter.name}:{counter.window_s}" for counter in counters]
    limits = [n for counter in counters for n in (counter.most, counter.window_s * 1000)]
    try:
        passed, *found = _script(settings.REDIS_URL, _CLOCK)(keys, limits)
    except redis.RedisError as error:
        _outage.begin()
        logger.warning("Redis does not answer, visitors are not slowed down: %s", error)
        return None
    return Outcome(
        bool(passed),
        [
            Standing(counter, max(0, counter.most - used), wait_ms / 1000)
            for counter, used, wait_ms in zip(counters, found[::2], found[1::2], strict=True)
        ],
    )


def whole_seconds(wait_s: float) -> int:
    """Return seconds to wait as headers and sentences state them."""
    return max(1, math.ceil(wait_s))


@cache
def _script(url: str, clock: str) -> Script:
    client = redis.Redis.from_url(
        url,
        socket_timeout=_TIMEOUT_S,
        socket_connect_timeout=_TIMEOUT_S,
        # Once more, at once: a connection of the pool may be from before Redis started again.
        retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
    )
    return client.register_script(clock + _COUNT)
