"""Columns of several lists in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.template.defaultfilters import floatformat
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from labelling.models import (
    Adjudication,
    Answer,
    GoldPair,
    Grade,
    LostLease,
    Pair,
    Reopening,
    SetPhoto,
    Skip,
    Slot,
)
from retrieval.admin.columns import photo_of


@admin.display(description=_("pair"), ordering="pair")
def pair_link(
    row: Adjudication | Answer | Grade | LostLease | Reopening | Skip | Slot,
) -> SafeString:
    """Return the campaign and the number of the pair in it, with a link to the pair."""
    page = reverse("admin:labelling_pair_change", args=[row.pair_id])
    words = gettext("%(campaign)s, no. %(position)d")
    named = {"campaign": row.pair.campaign.name, "position": row.pair.position}
    return format_html('<a href="{}">{}</a>', page, words % named)


@admin.display(description=_("photo"))
def photo(row: GoldPair | Pair | SetPhoto) -> str:
    """Return the photo, if operators may see it; empty if it is deleted."""
    return photo_of(row.scene) if row.scene else ""


def seconds(number: float) -> str:
    """Return seconds with one decimal."""
    return f"{floatformat(number, 1)} s"
