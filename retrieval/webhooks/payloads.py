"""What messages say. They are small: receivers fetch the rest with their key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any


def payload(event: str, *, at: datetime, data: Mapping[str, Any]) -> str:
    """Return the text of a message; its UTF-8 bytes are what is signed and sent."""
    content = {"type": event, "timestamp": at.isoformat().replace("+00:00", "Z"), "data": data}
    return json.dumps(content, separators=(",", ":"))
