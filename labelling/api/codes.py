"""The codes of problems that only programs get, of grading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

KNOWN: Final[dict[str, tuple[int, StrOrPromise, StrOrPromise]]] = {
    "not_with_good": (
        400,
        _("Good, with faults"),
        _("A good grade has no faults: grade it as decent or bad, or send none."),
    ),
}
"""Status, title and sentence of each code."""
