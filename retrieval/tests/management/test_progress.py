"""What is shown of long work where there is no terminal: a log, a pipe."""

from __future__ import annotations

import pytest

from retrieval.management.progress import ProgressDisplay, megabytes_a_second


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand."""
    times = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: times[-1])
    return times.append


def test_a_line_now_and_then_says_how_far_how_fast_and_how_long(clock, capsys):
    with ProgressDisplay("Checking", total=40) as shown:
        for second in range(1, 13):
            clock(100.0 + second)
            shown.show(done=second, rate=megabytes_a_second(second * 3_000_000))
    assert capsys.readouterr().err.splitlines() == [
        "Checking: 5 of 40, 3 MB/s, about 35 s left",
        "Checking: 10 of 40, 3 MB/s, about 30 s left",
    ]


def test_what_grows_while_it_is_counted_is_never_more_than_all(clock, capsys):
    with ProgressDisplay("Checking", total=3) as shown:
        clock(110.0)
        shown.show(done=5, rate=lambda elapsed_s: f"{elapsed_s:.0f} s")
    assert capsys.readouterr().err == "Checking: 5 of 5, 10 s, about 0 s left\n"


def test_quiet_is_quiet(clock, capsys):
    with ProgressDisplay("Checking", total=3, quiet=True) as shown:
        clock(110.0)
        shown.show(done=1, rate=lambda _: "")
    assert capsys.readouterr().err == ""
