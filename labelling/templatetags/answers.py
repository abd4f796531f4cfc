"""Reviewers, grades, faults and strata in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from django import template
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from labelling.grades import Fault, Grading
from labelling.models import Reviewer

register = template.Library()

_STRATA: Final = {
    "none": _("No match"),
    "weak": _("Weak match"),
    "fair": _("Fair match"),
    "strong": _("Strong match"),
    "sea": _("Sea"),
    "fresh-water": _("Fresh water"),
    "forest": _("Forest"),
    "field-and-farm": _("Field and farm"),
    "mountain-and-snow": _("Mountain and snow"),
    "desert": _("Desert"),
    "city-and-transport": _("City and transport"),
    "indoors-and-people": _("Indoors and people"),
    "animals-close-by": _("Animals close by"),
    "no-scene": _("No scenery"),
    "unknown": _("Unknown"),
    "": _("All"),
}


@register.filter
def grade_word(grade: str) -> str:
    """Return the name of a grade."""
    return str(Grading(grade).label) if grade in Grading.values else grade


@register.filter
def fault_word(fault: str) -> str:
    """Return the name of a fault."""
    return str(Fault(fault).label) if fault in Fault.values else fault


@register.filter
def fault_words(faults: Iterable[str]) -> str:
    """List what a reviewer found wrong."""
    return "; ".join(fault_word(one) for one in faults if one in Fault.values)


@register.filter
def reviewer_name(reviewer: Reviewer) -> str:
    """Return the name of a reviewer, or the number of one whose account is erased."""
    if reviewer.user is not None:
        return reviewer.user.get_username()
    return gettext("Reviewer %(number)d (erased)") % {"number": reviewer.pk}


@register.filter
def stratum_words(stratum: object) -> str:
    """Return the name of a stratum: a scenery, a strength or a rank."""
    text = str(stratum)
    if text.isdecimal():
        return gettext("Rank %(rank)d") % {"rank": int(text)}
    return str(_STRATA.get(text, text))
