"""An authenticator app: the codes of RFC 6238, computed without the site's code."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from typing import Final

STEP_S: Final = 30


def code_of(key: str, *, at: float | None = None) -> str:
    """Return the six digits that an app shows for a key, as a rule now.

    In the last second of a code it waits for the next one, as people do.
    """
    if at is None and (left_s := STEP_S - time.time() % STEP_S) < 1:
        time.sleep(left_s)
    step = int(time.time() if at is None else at) // STEP_S
    digest = hmac.digest(base64.b32decode(key), step.to_bytes(8, "big"), hashlib.sha1)
    start = digest[-1] & 15
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"
