"""Wait for other processes."""

import time

LONGEST_S = 30.0


def until(condition, describe=lambda: ""):
    """Return once the condition holds; fail after `LONGEST_S` seconds."""
    deadline = time.monotonic() + LONGEST_S
    while not condition():
        assert time.monotonic() < deadline, describe()
        time.sleep(0.02)
