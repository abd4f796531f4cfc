"""Wait for other processes."""

import time

LONGEST_S = 30.0


def until(condition, describe=lambda: "", longest_s=LONGEST_S):
    """Return once the condition holds; fail after `longest_s` seconds."""
    deadline = time.monotonic() + longest_s
    while not condition():
        assert time.monotonic() < deadline, describe()
        time.sleep(0.02)
