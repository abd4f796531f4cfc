from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from kombu.exceptions import OperationalError

from soundscape_site.worker.watchdog import DEAF_AFTER_S, STUCK_AFTER_S, Watchdog

HARD_LIMIT_S = 90


class Watched:
    """A watchdog with the test's clock, tasks and broker."""

    def __init__(self):
        self.now = 0.0
        self.held: list[Any] = []
        self.broker_is_away = False
        self.sent = 0
        self.watchdog = Watchdog(send=self.send, in_hand=lambda: self.held, clock=lambda: self.now)

    def send(self):
        if self.broker_is_away:
            raise OperationalError("away")
        self.sent += 1

    def after(self, seconds):
        self.now += seconds
        return self.watchdog.look()


@pytest.fixture
def watched():
    watched = Watched()
    assert watched.watchdog.look() == ""
    return watched


def task(name="a"):
    return SimpleNamespace(id=name, name=name, task=SimpleNamespace(time_limit=HARD_LIMIT_S))


def test_a_worker_that_receives_nothing_becomes_deaf(watched):
    assert watched.after(DEAF_AFTER_S) == ""
    assert watched.after(1).startswith("deaf")


def test_a_received_canary_restarts_the_time(watched):
    watched.after(DEAF_AFTER_S)
    watched.watchdog.hear()
    assert watched.after(DEAF_AFTER_S) == ""
    assert watched.after(DEAF_AFTER_S) == ""
    assert watched.after(1).startswith("deaf")


def test_canaries_are_sent_again_since_a_broker_may_lose_them(watched):
    watched.after(5)
    watched.after(5)
    assert watched.sent == 3


def test_an_unavailable_broker_proves_nothing(watched):
    watched.broker_is_away = True
    assert watched.after(DEAF_AFTER_S) == ""
    assert watched.after(10 * DEAF_AFTER_S) == ""
    watched.broker_is_away = False
    assert watched.after(DEAF_AFTER_S) == ""


def test_a_busy_worker_need_not_receive_canaries(watched):
    watched.held = [task()]
    assert watched.after(HARD_LIMIT_S) == ""
    watched.held = []
    assert watched.after(DEAF_AFTER_S) == ""


def test_a_task_far_beyond_its_hard_limit_is_stuck(watched):
    watched.held = [task()]
    watched.after(0)
    assert watched.after(HARD_LIMIT_S + STUCK_AFTER_S) == ""
    assert watched.after(1) == "stuck: it has held a for 151 s"


def test_one_task_after_the_other_is_not_stuck(watched):
    for number in range(10):
        watched.held = [task(str(number))]
        assert watched.after(HARD_LIMIT_S) == ""
