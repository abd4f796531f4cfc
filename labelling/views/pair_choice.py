"""Choosing a pair: a photo by its address or from a set, then one of its recordings."""

from __future__ import annotations

import re
from typing import Any, Final
from uuid import UUID

from django import forms
from django.core.paginator import Paginator
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext_lazy as _

from labelling.grades import Grading
from labelling.models import GoldPair
from labelling.selectors.pair_choice import (
    Candidates,
    candidates_of,
    photos_to_choose,
    sets_with_photos,
)

_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SET_NUMBER: Final = re.compile(r"\d{1,18}", re.ASCII)
_PHOTOS_A_PAGE: Final = 24


class ChosenPairForm(forms.Form):
    """One of a photo's recordings, with its grade and the reason."""

    photo = forms.UUIDField(widget=forms.HiddenInput)
    clip = forms.TypedChoiceField(
        label=_("Recording"),
        coerce=int,
        widget=forms.RadioSelect,
        error_messages={
            "required": _("Choose a recording."),
            "invalid_choice": _("This recording is no longer found for the photo. Choose again."),
        },
    )
    grade = forms.ChoiceField(
        label=_("Grade"),
        choices=Grading.choices,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose a grade.")},
    )
    reason = forms.CharField(
        label=_("Why it is this grade"),
        max_length=GoldPair._meta.get_field("reason").max_length,
        error_messages={"required": _("Say why.")},
    )

    def __init__(
        self,
        given: QueryDict | None = None,
        *,
        candidates: Candidates | None,
        clip: str = "",
    ) -> None:
        photo = candidates.scene.pk if candidates else None
        super().__init__(given, initial={"photo": photo, "clip": clip})
        found = candidates.found if candidates else ()
        choices = [(one.clip.pk, one.clip.title) for one in found]
        self.fields["clip"].choices = choices  # type: ignore[attr-defined] # a ChoiceField


def choice_context(request: HttpRequest, *, form: ChosenPairForm | None = None) -> dict[str, Any]:
    """Return what `labelling/_choose_pair.html` shows: sets, photos of one, or recordings."""
    address = request.GET.get("photo", "")
    photo_id = _photo_id(request.POST.get("photo", "") or address)
    candidates = candidates_of(photo_id) if photo_id else None
    chosen_set = request.GET.get("set", "")
    chosen_set = chosen_set if _SET_NUMBER.fullmatch(chosen_set) else ""
    clip = request.GET.get("clip", "")
    photos = None
    if chosen_set and candidates is None:
        page = request.GET.get("page")
        photos = Paginator(photos_to_choose(int(chosen_set)), _PHOTOS_A_PAGE).get_page(page)
    return {
        "candidates": candidates,
        "pair_form": form or ChosenPairForm(candidates=candidates, clip=clip),
        "unknown_address": address if address and candidates is None else "",
        "sets": sets_with_photos(),
        "chosen_set": chosen_set,
        "photos": photos,
    }


def chosen_pair(request: HttpRequest) -> ChosenPairForm:
    """Return the form that was sent, which knows the recordings of its photo."""
    photo_id = _photo_id(request.POST.get("photo", ""))
    return ChosenPairForm(request.POST, candidates=candidates_of(photo_id) if photo_id else None)


def _photo_id(address: str) -> UUID | None:
    """Return the key in the address of a photo's page."""
    found = _UUID.search(address)
    return UUID(found[0]) if found else None
