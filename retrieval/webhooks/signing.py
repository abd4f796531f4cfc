"""Sign messages by the Standard Webhooks scheme (standardwebhooks.com)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final

_SECRET_PREFIX: Final = "whsec_"  # noqa: S105 # how a secret's text begins


def secret_text(secret: bytes) -> str:
    """Return a secret as receivers get it."""
    return _SECRET_PREFIX + base64.b64encode(secret).decode()


def signed_headers(
    *, secret: bytes, message_id: str, timestamp_s: int, body: bytes
) -> dict[str, str]:
    """Return the headers by which a receiver checks a message.

    Parameters
    ----------
    message_id
        The same in each attempt, so that a receiver recognises a repetition.
    timestamp_s
        Of the attempt, in Unix time, so that a receiver can refuse recorded messages.
    body
        The very bytes that are sent.
    """
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    digest = hmac.new(secret, signed, hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
