"""Keep one-time tokens and keys of the API out of the log."""

from __future__ import annotations

import logging
import re
from typing import Final

# Invitations, allauth's confirmation of an address and its reset of a password.
_TOKEN: Final = re.compile(r"(/(?:invitations|confirm-email|reset/key)/)[\w:.-]{16,}")
# A key that a program put into an address by mistake; its beginning is no secret.
_KEY: Final = re.compile(r"(snd_[0-9a-f]{11})[0-9a-f]{9,}")


class SecretPathFilter(logging.Filter):
    """Replaces tokens in the address of a request, which Django logs when it fails, and keys."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace them; drop no record."""
        message = record.getMessage()
        clean = _KEY.sub(r"\1[key]", _TOKEN.sub(r"\1[token]", message))
        if clean != message:
            record.msg, record.args = clean, None
        return True
