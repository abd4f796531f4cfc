"""Licences of recordings and their requirements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True)
class Licence:
    """One licence.

    `free` means that anyone may use and share the recording for any purpose, `credit` that the
    author must be named, `commercial` that the whole recording may be used to earn money.
    """

    code: str
    name: StrOrPromise
    url: str
    free: bool
    credit: bool
    commercial: bool


_CC: Final = "https://creativecommons.org"


def _cc(kind: str, version: str) -> Licence:
    url = f"{_CC}/licenses/{kind.lower()}/{version}/"
    code = f"CC-{kind}-{version}"
    allowed = "NC" not in kind
    return Licence(code, f"CC {kind} {version}", url, free=allowed, credit=True, commercial=allowed)


_ALL: Final = (
    Licence(
        "CC0-1.0",
        "CC0 1.0",
        f"{_CC}/publicdomain/zero/1.0/",
        free=True,
        credit=False,
        commercial=True,
    ),
    Licence(
        "Public-Domain",
        _("public domain"),
        f"{_CC}/publicdomain/mark/1.0/",
        free=True,
        credit=False,
        commercial=True,
    ),
    *(_cc(kind, version) for kind in ("BY", "BY-SA", "BY-NC") for version in ("3.0", "4.0")),
    Licence(  # what is made of samples may be sold, copies of the whole may not
        "CC-Sampling+",
        "CC Sampling+",
        f"{_CC}/licenses/sampling+/1.0/",
        free=False,
        credit=True,
        commercial=False,
    ),
    Licence(UNKNOWN, _("licence unknown"), "", free=False, credit=True, commercial=False),
)
LICENCES: Final = {licence.code: licence for licence in _ALL}
COMMERCIAL: Final = frozenset(licence.code for licence in _ALL if licence.commercial)
"""Codes of the licences that allow to earn money with a recording."""


def credit_line(*, title: str, author: str, license_code: str, source_url: str = "") -> str:
    """Return the attribution line of a recording."""
    by = f"“{title}” by {author}" if author else f"“{title}”, author unknown"
    source = f", {source_url}" if source_url else ""
    return f"{by} ({LICENCES[license_code].name}){source}"
