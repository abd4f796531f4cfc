"""Filters on pages: the form that chooses one, and its words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.utils.formats import number_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from retrieval.catalogue.licences import COMMERCIAL, LICENCES
from retrieval.selectors.clip_filters import ClipFilter

LONG_ENOUGH_S: Final = 15.0


class NarrowForm(forms.Form):
    """Which recordings are searched."""

    commercial_use = forms.BooleanField(
        label=_("Only recordings that may be used commercially"), required=False
    )
    long_enough = forms.BooleanField(label=_("Only recordings of at least 15 s"), required=False)

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> NarrowForm:
        """Return the form with what of a filter it can say."""
        wanted = ClipFilter.of_json(stored)
        return cls(
            initial={
                "commercial_use": wanted.licenses == COMMERCIAL,
                "long_enough": wanted.min_duration_s == LONG_ENOUGH_S,
            }
        )

    @property
    def clip_filter(self) -> ClipFilter:
        """The chosen filter of a valid form."""
        chosen = self.cleaned_data
        return ClipFilter(
            licenses=COMMERCIAL if chosen["commercial_use"] else None,
            min_duration_s=LONG_ENOUGH_S if chosen["long_enough"] else None,
        )


def words_of(stored: Mapping[str, Any]) -> list[str]:
    """Return what a filter asks for, in words."""
    wanted = ClipFilter.of_json(stored)
    words = []
    if wanted.licenses == COMMERCIAL:
        words.append(gettext("may be used commercially"))
    elif wanted.licenses is not None:
        names = ", ".join(sorted(str(LICENCES[code].name) for code in wanted.licenses))
        words.append(gettext("licence: {names}").format(names=names))
    if wanted.min_duration_s is not None:
        words.append(gettext("at least {n} s").format(n=_figure(wanted.min_duration_s)))
    if wanted.max_duration_s is not None:
        words.append(gettext("at most {n} s").format(n=_figure(wanted.max_duration_s)))
    if wanted.tag:
        words.append(gettext("tag: {name}").format(name=wanted.tag))
    if wanted.sound:
        words.append(gettext("sound: {name}").format(name=wanted.sound))
    if wanted.collection:
        words.append(gettext("collection: {name}").format(name=wanted.collection))
    return words


def _figure(seconds: float) -> str:
    """Return a number as the visitor's language writes it, to a thousandth."""
    digits = f"{seconds:.3f}".rstrip("0").removesuffix(".")
    return number_format(digits, force_grouping=True)
