from __future__ import annotations

import os
import time

import pytest
import redis

from soundscape_site.worker import lifecycle


class Finder:
    """Loads, or fails to load."""

    def __init__(self, error=None):
        self.error = error

    def warm(self):
        assert lifecycle._warm_child.value == 0
        if self.error:
            raise self.error


class ProcessEndedError(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def signs(monkeypatch):
    """Count the signs of life that are left."""
    left = []
    monkeypatch.setattr(lifecycle, "leave_sign", lambda: left.append(1))
    lifecycle._warm_child.value = 0
    yield left
    lifecycle._warm_child.value = 0


@pytest.fixture
def died(monkeypatch):
    """Record how the process sleeps and exits, without either."""
    did = []

    def end(status):
        did.append(("exit", status))
        raise ProcessEndedError

    monkeypatch.setattr(os, "_exit", end)
    monkeypatch.setattr(time, "sleep", lambda seconds: did.append(("rest", seconds)))
    return did


def test_signs_begin_once_the_child_is_warm(signs, died, monkeypatch):
    monkeypatch.setattr(lifecycle, "sound_finder", Finder)
    lifecycle.show_life()
    assert signs == []
    lifecycle.load_models()
    lifecycle.show_life()
    assert signs == [1]
    assert died == []


def test_a_child_that_cannot_load_exits_and_another_tries(signs, died, monkeypatch, caplog):
    monkeypatch.setattr(lifecycle, "sound_finder", lambda: Finder(OSError("weights are gone")))
    with pytest.raises(ProcessEndedError):
        lifecycle.load_models()
    assert died == [("rest", 1.0), ("exit", 1)]
    assert "weights are gone" in caplog.text
    lifecycle.show_life()
    assert signs == []

    monkeypatch.setattr(lifecycle, "sound_finder", Finder)
    lifecycle.load_models()
    lifecycle.show_life()
    assert signs == [1]


def test_an_earlier_childs_state_does_not_count(signs, died, monkeypatch):
    lifecycle._warm_child.value = 1
    monkeypatch.setattr(lifecycle, "sound_finder", lambda: Finder(OSError("gone")))
    with pytest.raises(ProcessEndedError):
        lifecycle.load_models()
    lifecycle.show_life()
    assert signs == []


def test_an_unavailable_redis_does_not_end_the_worker(signs, monkeypatch, caplog):
    def away():
        raise redis.ConnectionError("refused")

    monkeypatch.setattr(lifecycle, "leave_sign", away)
    lifecycle._warm_child.value = 1
    lifecycle.show_life()
    assert "refused" in caplog.text
