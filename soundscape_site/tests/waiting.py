"""Wait for what other processes do."""

import time

LONGEST_S = 30.0


def until(condition, describe=lambda: ""):
    """Return as soon as the condition holds; fail when it never does."""
    deadline = time.monotonic() + LONGEST_S
    while not condition():
        assert time.monotonic() < deadline, describe()
        time.sleep(0.02)
