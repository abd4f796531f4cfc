"""Names that the rig and what it loads into its workers agree on."""

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
POPPED: Final = "popped"  # from Redis, by a worker that has not noted it yet

FLAGGED: Final = "flagged"  # what happens to whoever looks at a flagged photo
FLAG_RGB: Final = (255, 0, 255)

STOPPED: Final = "stopped"  # holds the process id of a child that stands still


def clock_of(program: str) -> str:
    """Return the name of the file, in the folder of mines, that says how wrong a clock is."""
    return f"clock-{program}"
