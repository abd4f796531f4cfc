"""Keep one-time tokens out of the log."""

from __future__ import annotations

import logging
import re
from typing import Final

# Invitations, allauth's confirmation of an address and its reset of a password.
_TOKEN: Final = re.compile(r"(/(?:invitations|confirm-email|reset/key)/)[\w:.-]{16,}")


class SecretPathFilter(logging.Filter):
    """Replaces the token in the address of a request, which Django logs when it fails."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the token; drop no record."""
        message = record.getMessage()
        if _TOKEN.search(message):
            record.msg, record.args = _TOKEN.sub(r"\1[token]", message), None
        return True
