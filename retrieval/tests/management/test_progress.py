"""The progress display without a terminal, such as in a log or pipe."""

from __future__ import annotations

import pytest

from retrieval.management.progress import ProgressDisplay, megabytes_a_second


@pytest.fixture
def clock(monkeypatch):
    """Replace the monotonic clock; return a function that sets it."""
    times = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: times[-1])
    return times.append


def test_a_line_every_five_seconds_gives_progress_speed_and_time_left(clock, capsys):
    with ProgressDisplay("Checking", total=40) as display:
        for second in range(1, 13):
            clock(100.0 + second)
            display.show(done=second, rate=megabytes_a_second(second * 3_000_000))
    assert capsys.readouterr().err.splitlines() == [
        "Checking: 5 of 40, 3 MB/s, about 35 s left",
        "Checking: 10 of 40, 3 MB/s, about 30 s left",
    ]


def test_a_total_that_grew_is_corrected(clock, capsys):
    with ProgressDisplay("Checking", total=3) as display:
        clock(110.0)
        display.show(done=5, rate=lambda elapsed_s: f"{elapsed_s:.0f} s")
    assert capsys.readouterr().err == "Checking: 5 of 5, 10 s, about 0 s left\n"


def test_quiet_prints_nothing(clock, capsys):
    with ProgressDisplay("Checking", total=3, quiet=True) as display:
        clock(110.0)
        display.show(done=1, rate=lambda _: "")
    assert capsys.readouterr().err == ""


def test_before_the_first_item_no_time_is_estimated(clock, capsys):
    with ProgressDisplay("Checking", total=3) as display:
        clock(110.0)
        display.show(done=0, rate=lambda _: "0 MB/s")
    assert capsys.readouterr().err == "Checking: 0 of 3, 0 MB/s\n"
