"""Environment variables and file names shared by the rig and the code it loads into programs."""

from __future__ import annotations

from typing import Final

CONTROL: Final = "SOUNDSCAPE_CHAOS_CONTROL"  # path of the control folder
CLOCK: Final = "SOUNDSCAPE_CHAOS_CLOCK"  # name of a program's clock file, see `clock_of`
MODEL: Final = "SOUNDSCAPE_CHAOS_MODEL"
PLANTED: Final = "SOUNDSCAPE_CHAOS_PLANTED_BUG"

STAND_IN: Final = "stand-in"
REAL: Final = "real"

CLAIMED: Final = "claimed"
SEARCHED: Final = "searched"  # the photo is classified and its matches are found
STORED: Final = "stored"  # result written, transaction not committed
COMMITTED: Final = "committed"  # message not acknowledged
STEPS: Final = (CLAIMED, SEARCHED, STORED, COMMITTED)
REQUEST_BEGUN: Final = "request-begun"  # idempotency key stored, nothing done
REQUEST_STORED: Final = "request-stored"  # photo and answer written, transaction not committed
REQUEST_COMMITTED: Final = "request-committed"  # not answered
REQUEST_STEPS: Final = (REQUEST_BEGUN, REQUEST_STORED, REQUEST_COMMITTED)  # see `at_request`
POPPED: Final = "popped"  # message popped from Redis, not recorded as unacked

REQUEST_LEASE_S: Final = 12.0  # longer than web takes to start; the site's own is two minutes

FLAGGED: Final = "flagged"  # file with the action for a flagged photo
FLAG_RGB: Final = (255, 0, 255)


def clock_of(program: str) -> str:
    """Return the name of the control file with the offset of a program's clock in seconds."""
    return f"clock-{program}"


def at_request(step: str, key: str) -> str:
    """Return the name of a step of the request with an idempotency key."""
    return f"{step}-{key}"
