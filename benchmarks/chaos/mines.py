"""Names shared by the rig and the code that it loads into its programs."""

from __future__ import annotations

from typing import Final

CONTROL: Final = "SOUNDSCAPE_CHAOS_CONTROL"  # the folder of mines
CLOCK: Final = "SOUNDSCAPE_CHAOS_CLOCK"  # the name of a program's file there, see `clock_of`
MODEL: Final = "SOUNDSCAPE_CHAOS_MODEL"
PLANTED: Final = "SOUNDSCAPE_CHAOS_PLANTED_BUG"

STAND_IN: Final = "stand-in"
REAL: Final = "real"

CLAIMED: Final = "claimed"
LOOKED: Final = "looked"
STORED: Final = "stored"  # in the transaction, before its commit
COMMITTED: Final = "committed"  # before the message is acknowledged
STEPS: Final = (CLAIMED, LOOKED, STORED, COMMITTED)
POPPED: Final = "popped"  # from Redis, before the worker records it

FLAGGED: Final = "flagged"  # holds the deed for processes that classify a flagged photo
FLAG_RGB: Final = (255, 0, 255)

STOPPED: Final = "stopped"  # holds the process id of a stopped child


def clock_of(program: str) -> str:
    """Return the name of the control file that holds a program's clock shift."""
    return f"clock-{program}"
