"""Counters of acts in sliding windows."""

from __future__ import annotations

import multiprocessing
import uuid

import pytest
import redis
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from accounts import rates
from accounts.rates import Counter, count

CLOCK = "local now = tonumber(redis.call('GET', '{key}'))"
ADVANCING_CLOCK = "local now = redis.call('INCRBY', '{key}', 2)"
START_MS = 1_700_000_000_123
PROCESSES = 4


@pytest.fixture
def store():
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        yield client


@pytest.fixture(autouse=True)
def prefix(monkeypatch):
    """Counters of this test only."""
    found = f"test:{uuid.uuid4()}:"
    monkeypatch.setattr(rates, "_PREFIX", found)
    monkeypatch.setattr(rates, "_outage", rates._Outage())
    return found


class Clock:
    """What the script takes for the time."""

    def __init__(self, store, prefix, code=CLOCK):
        self._store, self.key = store, f"{prefix}clock"
        self.code = code.format(key=self.key)
        self.set(START_MS)

    def set(self, now_ms):
        self._store.set(self.key, now_ms, ex=600)


@pytest.fixture
def clock(store, prefix, monkeypatch):
    found = Clock(store, prefix)
    monkeypatch.setattr(rates, "_CLOCK", found.code)
    return found


def counted(*counters):
    outcome = count(counters)
    assert outcome is not None
    return outcome


def passes(*counters):
    return counted(*counters).passed


def test_as_many_as_the_limit_pass():
    one = Counter("one", 3, 60)
    outcomes = [counted(one) for _ in range(5)]
    assert [outcome.passed for outcome in outcomes] == [True] * 3 + [False] * 2
    assert [outcome.nearest.left for outcome in outcomes] == [2, 1, 0, 0, 0]
    assert all(0 < outcome.nearest.wait_s <= 61 for outcome in outcomes)


def test_an_act_counts_in_all_counters_or_in_none():
    one, other = Counter("one", 2, 60), Counter("other", 5, 86_400)
    for _ in range(4):
        outcome = counted(one, other)
    assert not outcome.passed
    assert [standing.left for standing in outcome.standings] == [0, 3]
    assert outcome.nearest.counter == one
    assert [passes(other) for _ in range(4)] == [True] * 3 + [False]


def test_of_two_full_counters_the_later_to_end_is_nearest():
    one, other = Counter("one", 1, 60), Counter("other", 1, 86_400)
    for _ in range(2):
        outcome = counted(one, other)
    assert outcome.nearest.counter == other
    assert outcome.nearest.wait_s > 61


def test_no_window_holds_more_at_the_edge_of_a_minute(clock):
    """As many again just behind the edge, and in the last part that both windows share."""
    one = Counter("one", 20, 60)
    for now_s, expected in [(59.9, 20), (60.1, 0), (119.8, 0), (121, 20)]:
        clock.set(int(now_s * 1000))
        assert sum(passes(one) for _ in range(40)) == expected


@given(
    gaps_ms=st.lists(
        st.one_of(st.integers(0, 3_000), st.integers(0, 90_000)), min_size=5, max_size=60
    ),
    most=st.integers(1, 6),
)
def test_like_a_list_of_times(gaps_ms, most):
    """Every window holds the limit at most, and a refused act passes after the stated time."""
    with redis.Redis.from_url(settings.REDIS_URL) as store, pytest.MonkeyPatch.context() as patch:
        name = str(uuid.uuid4())
        clock = Clock(store, name)
        patch.setattr(rates, "_CLOCK", clock.code)
        one, now_ms = Counter(name, most, 60), START_MS
        passed_ms: list[int] = []
        for gap_ms in gaps_ms:
            now_ms += gap_ms
            clock.set(now_ms)
            within = [t for t in passed_ms if t // 1000 >= now_ms // 1000 - 60]
            outcome = counted(one)
            assert outcome.passed is (len(within) < most)
            if outcome.passed:
                passed_ms.append(now_ms)
                within.append(now_ms)
            assert outcome.nearest.left == most - len(within)
            wait_ms = round(outcome.nearest.wait_s * 1000)
            assert now_ms + wait_ms == (min(within) // 1000 + 61) * 1000
        for first, next_one in zip(passed_ms, passed_ms[most:], strict=False):
            assert next_one - first >= 60_000
        if not outcome.passed:
            clock.set(now_ms + wait_ms - 1)
            assert not passes(one)
            clock.set(now_ms + wait_ms)
            assert passes(one)


def test_counters_end_by_themselves(store, prefix, clock):
    one = Counter("one", 1_000, 60)
    for second in range(200):
        clock.set(START_MS + second * 1000)
        count([one])
    (key,) = store.keys(f"{prefix}one*")
    assert 0 < store.pttl(key) <= 61_000
    assert store.hlen(key) == 61


def test_without_redis_acts_pass_and_only_the_first_waits(settings, caplog):
    right, settings.REDIS_URL = settings.REDIS_URL, "redis://127.0.0.1:1/0"
    one = Counter("one", 1, 60)
    assert [count([one]) for _ in range(3)] == [None] * 3
    settings.REDIS_URL = right
    assert count([one]) is None  # the pause is not over
    said = [r for r in caplog.records if "Redis does not answer" in r.getMessage()]
    assert len(said) == 1


def test_no_counters_no_outcome():
    assert count([]) is None


def _act(url, prefix, clock, counter, times, start, found):
    """Act in a process of its own; report each act that passed, with the clock around it."""
    settings.configure(REDIS_URL=url)
    code, key = clock
    passed = []
    with redis.Redis.from_url(url) as store, pytest.MonkeyPatch.context() as patch:
        patch.setattr(rates, "_PREFIX", prefix)
        patch.setattr(rates, "_CLOCK", code or rates._CLOCK)
        start.wait(60)
        for _ in range(times):
            before = int(store.get(key) or 0)
            outcome = count([counter])
            after = int(store.get(key) or 0)
            if outcome is not None and outcome.passed:
                passed.append((before, after))
    found.put(passed)


def act_in_processes(prefix, counter, times, clock=("", "")):
    """Act in `PROCESSES` processes at once; return the acts that passed."""
    context = multiprocessing.get_context("spawn")
    start, found = context.Barrier(PROCESSES), context.Queue()
    arguments = (settings.REDIS_URL, prefix, clock, counter, times // PROCESSES, start, found)
    processes = [context.Process(target=_act, args=arguments) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    passed = [act for _ in processes for act in found.get(timeout=60)]
    for process in processes:
        process.join(60)
    return passed


def test_processes_share_a_limit_exactly(prefix):
    """The day's window does not end during the test."""
    assert len(act_in_processes(prefix, Counter("one", 20, 86_400), 200)) == 20


def test_no_window_holds_more_over_processes(store, prefix):
    """Over three windows: each act advances the clock by 2 ms."""
    clock = Clock(store, prefix, ADVANCING_CLOCK)
    passed = act_in_processes(prefix, Counter("one", 100, 1), 1_600, (clock.code, clock.key))
    assert len(passed) >= 300
    for begin, _after in passed:
        surely_within = [1 for before, after in passed if begin <= before and after < begin + 1_000]
        assert len(surely_within) <= 100
