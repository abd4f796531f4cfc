"""Values of forms of the admin."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

BEACON: Final = "n02814860"


def override_values(
    *, sounds: Iterable[tuple[str, str]] = (("Foghorn", "1"),), **fields: Any
) -> dict[str, Any]:
    """Return the form of an override of the sounds of a beacon."""
    rows = list(sounds) or [("", "")]
    weights = {
        "sounds-sound": [name for name, _ in rows],
        "sounds-weight": [weight for _, weight in rows],
    }
    return {"wnid": BEACON, "why": "fog"} | weights | fields
