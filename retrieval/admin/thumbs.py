"""Visitors' thumbs in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from accounts.admin.read_only import ReadOnlyAdmin
from retrieval.models import Clip, Thumb


@admin.register(Thumb)
class ThumbAdmin(ReadOnlyAdmin):
    """What visitors said of matches, without who said it and of which photo."""

    list_display = fields = ("id", "recording", "matcher", "rank", "fits", "reason", "at")
    list_select_related = ("match__clip", "match__run")
    list_filter = ("fits", "reason")
    list_per_page = 50
    ordering = ("-pk",)
    show_full_result_count = False

    @admin.display(description=_("recording"))
    def recording(self, thumb: Thumb) -> Clip:
        """Return the recording of the match."""
        return thumb.match.clip

    @admin.display(description=_("matcher"))
    def matcher(self, thumb: Thumb) -> str:
        """Return the matcher that found it."""
        return thumb.match.run.matcher

    @admin.display(description=_("rank"))
    def rank(self, thumb: Thumb) -> int:
        """Return its rank."""
        return thumb.match.rank
