"""Licences of recordings and their requirements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True)
class Licence:
    """One licence.

    `free` means that anyone may use and share the recording for any purpose, `credit` that the
    author must be named.
    """

    code: str
    name: str
    url: str
    free: bool
    credit: bool


_CC = "https://creativecommons.org"

LICENCES: Final[dict[str, Licence]] = {
    licence.code: licence
    for licence in (
        Licence("CC0-1.0", "CC0 1.0", f"{_CC}/publicdomain/zero/1.0/", free=True, credit=False),
        Licence(
            "Public-Domain",
            "public domain",
            f"{_CC}/publicdomain/mark/1.0/",
            free=True,
            credit=False,
        ),
        Licence("CC-BY-3.0", "CC BY 3.0", f"{_CC}/licenses/by/3.0/", free=True, credit=True),
        Licence("CC-BY-4.0", "CC BY 4.0", f"{_CC}/licenses/by/4.0/", free=True, credit=True),
        Licence(
            "CC-BY-SA-3.0", "CC BY-SA 3.0", f"{_CC}/licenses/by-sa/3.0/", free=True, credit=True
        ),
        Licence(
            "CC-BY-SA-4.0", "CC BY-SA 4.0", f"{_CC}/licenses/by-sa/4.0/", free=True, credit=True
        ),
        Licence(
            "CC-BY-NC-3.0", "CC BY-NC 3.0", f"{_CC}/licenses/by-nc/3.0/", free=False, credit=True
        ),
        Licence(
            "CC-BY-NC-4.0", "CC BY-NC 4.0", f"{_CC}/licenses/by-nc/4.0/", free=False, credit=True
        ),
        Licence(
            "CC-Sampling+",
            "CC Sampling+",
            f"{_CC}/licenses/sampling+/1.0/",
            free=False,
            credit=True,
        ),
        Licence(UNKNOWN, "licence unknown", "", free=False, credit=True),
    )
}


def credit_line(*, title: str, author: str, license_code: str, source_url: str = "") -> str:
    """Return the attribution line of a recording."""
    by = f"“{title}” by {author}" if author else f"“{title}”, author unknown"
    source = f", {source_url}" if source_url else ""
    return f"{by} ({LICENCES[license_code].name}){source}"
