"""The words of a report's codes."""

from __future__ import annotations

from typing import Final

from django import template
from django.utils.translation import gettext_lazy as _

from labelling.models import Design, Stratum
from labelling.templatetags.answers import stratum_words
from retrieval.models import Thumb

register = template.Library()

_AGREEMENT: Final = {
    "percent": (
        _("Equal grades"),
        _("How often two grades of the same pair are equal. Chance alone gives some of it."),
    ),
    "cohen": (
        _("Cohen's kappa"),
        _("Two graders, beyond chance. Good and decent differ as much as good and bad."),
    ),
    "cohen_linear": (
        _("Cohen's kappa, linear weights"),
        _("Two graders, beyond chance. A step of two grades counts twice."),
    ),
    "cohen_quadratic": (
        _("Cohen's kappa, quadratic weights"),
        _("Two graders, beyond chance. A step of two grades counts four times."),
    ),
    "fleiss": (
        _("Fleiss' kappa"),
        _("Several graders, beyond chance. All differences of grades count the same."),
    ),
    "alpha_nominal": (
        _("Krippendorff's alpha, nominal"),
        _("Any number of graders, with grades missing. All differences count the same."),
    ),
    "alpha_ordinal": (
        _("Krippendorff's alpha, ordinal"),
        _(
            "Any number of graders, with grades missing. The grades are an order: the figure to "
            "quote for these three."
        ),
    ),
    "alpha_interval": (
        _("Krippendorff's alpha, interval"),
        _("As above, with equal distances between bad, decent and good."),
    ),
    "ac2": (
        _("Gwet's AC2"),
        _("Beyond chance, and stays meaningful when nearly all grades are the same."),
    ),
}
"""By the name of a coefficient: what it is called, and what it measures."""

_UNDEFINED: Final = {
    "no_overlap": _("none: no pair has two grades"),
    "not_two_graders": _("none: it is made for exactly two graders"),
}
_NOTES: Final = {
    "one_grade": _("All grades are the same, so nothing tells agreement from chance."),
}

_SLICES: Final = {
    "stratum": _("Strata of the draw"),
    "scenery": _("Scenery"),
    "collection": _("Collection of the recording"),
    "image_model": _("Model of photos"),
    "sound_model": _("Model of sounds"),
    "matcher_version": _("Version of the matcher"),
}
_UNNAMED: Final = _("Without a name")

_DESIGNS: Final = dict(Design.choices)
_STRATA: Final = dict(Stratum.choices)
_THUMB_REASONS: Final = {**dict(Thumb.Reason.choices), "": _("No reason given")}


@register.filter
def agreement_name(name: str) -> str:
    """Return the name of a coefficient."""
    return str(_AGREEMENT[name][0]) if name in _AGREEMENT else name


@register.filter
def agreement_meaning(name: str) -> str:
    """Say what a coefficient measures."""
    return str(_AGREEMENT[name][1]) if name in _AGREEMENT else ""


@register.filter
def why_undefined(reason: str) -> str:
    """Say why a coefficient has no value."""
    return str(_UNDEFINED.get(reason, reason))


@register.filter
def agreement_note(note: str) -> str:
    """Say what to know about a coefficient's value."""
    return str(_NOTES.get(note, note))


@register.filter
def design_words(design: str) -> str:
    """Return the name of a design."""
    return str(_DESIGNS.get(design, design))


@register.filter
def strata_words(strata: str) -> str:
    """Return what divides the strata of a sample."""
    return str(_STRATA.get(strata, strata))


@register.filter
def thumb_reason(reason: str) -> str:
    """Return why a visitor says that a recording does not fit."""
    return str(_THUMB_REASONS.get(reason, reason))


@register.filter
def slice_title(kind: str) -> str:
    """Return the heading of a kind of slices."""
    return str(_SLICES.get(kind, kind.replace("_", " ")))


@register.filter
def slice_words(name: str) -> str:
    """Return the name of a part of the sample."""
    return stratum_words(name) if name else str(_UNNAMED)
