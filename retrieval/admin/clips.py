"""Recordings in the admin: edit what people say of them, withdraw and restore them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat, floatformat
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.admin.read_only import ReadOnlyAdmin
from retrieval.admin.large_lists import IndexedValuesFilter, LargeListAdmin
from retrieval.engine.vocabulary.sounds import Flag
from retrieval.models import Clip
from retrieval.selectors.clip_search import NEWEST_FIRST, has_words, in_path
from retrieval.services.clip_care import edit_clip, restore_clips, withdraw_clips

_DESCRIPTION: Final = (
    "title", "tags", "author", "license", "license_url", "source_url", "collection",
)  # fmt: skip
MOST_AT_ONCE: Final = 500
"""The page that asks for the reason names each recording, and a form may hold 1000 fields."""


class FlagFilter(admin.SimpleListFilter):
    """Filter by a sound that does not belong to the place, such as speech."""

    title = _("flag")
    parameter_name = "flag"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return every flag."""
        return [(flag.value, flag.value) for flag in Flag]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Clip]) -> QuerySet[Clip]:
        """Return the recordings with the chosen flag."""
        if self.value() not in set(Flag):
            return queryset
        return queryset.filter(flags__contains=[self.value()])


class WithdrawnFilter(admin.SimpleListFilter):
    """Filter by whether visitors can find a recording."""

    title = _("withdrawn")
    parameter_name = "withdrawn"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return yes and no."""
        return [("yes", _("Yes")), ("no", _("No"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Clip]) -> QuerySet[Clip]:
        """Return the recordings that are, or are not, withdrawn."""
        if self.value() not in {"yes", "no"}:
            return queryset
        return queryset.filter(removed_in__isnull=self.value() == "no")


class ReasonForm(forms.Form):
    """Why recordings are withdrawn or restored."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=Clip._meta.get_field("withdrawn_reason").max_length,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 60}),
        help_text=_("For other librarians and the audit log; visitors do not see it."),
    )


@admin.register(Clip)
class ClipAdmin(LargeListAdmin, ReadOnlyAdmin):
    """Recordings: people's descriptions can be changed, measured values cannot.

    Recordings are added only by an import, and are kept because matches refer to them.
    """

    list_display = (
        "title", "player", "license", "heard_in_it", "flagged", "added", "withdrawn",
    )  # fmt: skip
    sortable_by = ("player", "added")
    list_filter = (WithdrawnFilter, FlagFilter, "license", ("collection", IndexedValuesFilter))
    ordering = NEWEST_FIRST
    search_fields = ("path",)  # shows the field; `get_search_results` searches
    search_hint = _("Search for words about a recording, or for the beginning of a file's name.")
    readonly_fields = (
        "player", "loudness", "true_peak", "format", "size", "scored_sounds", "flagged", "path",
        "sha256", "created_at", "added_in", "removed_in", "withdrawn_reason",
    )  # fmt: skip
    fieldsets = (
        (None, {"fields": (*_DESCRIPTION, "player")}),
        (_("Measured"), {"fields": ("loudness", "true_peak", "format", "size")}),
        (_("Heard in it"), {"fields": ("scored_sounds", "flagged")}),
        (_("In the library"), {"fields": readonly_fields[7:]}),
    )
    actions = ("withdraw", "restore")
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}
    change_form_template = "admin/retrieval/clip/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Clip]:
        """Leave the outlines, which nothing shows, in the database."""
        return super().get_queryset(request).defer("peaks")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Clip], search_term: str
    ) -> tuple[QuerySet[Clip], bool]:
        """Search by words, as the API does, and by the file's name, which have indexes."""
        if not search_term.strip():
            return queryset, False
        found = has_words(search_term) | in_path(search_term.strip())
        return queryset.filter(found), False

    @admin.display(description=_("added"), ordering="added_in")
    def added(self, clip: Clip) -> datetime:
        """Return when it was imported, which increases with `added_in`."""
        return clip.created_at

    @admin.display(description=_("recording"), ordering="duration_s")
    def player(self, clip: Clip) -> str:
        """Return a player with the length; a withdrawn recording has the length alone."""
        return render_to_string("admin/retrieval/clip/player.html", {"clip": clip})

    @admin.display(description=_("heard in it"))
    def heard_in_it(self, clip: Clip) -> str:
        """Return the names of the detected sounds, most certain first."""
        return ", ".join(clip.sound_tags)

    @admin.display(description=_("heard in it"))
    def scored_sounds(self, clip: Clip) -> str:
        """Return the detected sounds with their scores, most certain first."""
        return ", ".join(
            f"{sound['name']} {floatformat(sound['score'], 2)}" for sound in clip.sounds
        )

    @admin.display(description=_("flags"))
    def flagged(self, clip: Clip) -> str:
        """Return what disturbs an ambience in it."""
        return ", ".join(clip.flags)

    @admin.display(description=_("withdrawn because"))
    def withdrawn(self, clip: Clip) -> str:
        """Return why it is withdrawn; empty for a recording of the library."""
        if clip.removed_in is None:
            return ""
        return clip.withdrawn_reason or gettext("no reason given")

    @admin.display(description=_("loudness"))
    def loudness(self, clip: Clip) -> str | None:
        """Return the integrated loudness; None if it is undefined."""
        if clip.loudness_lufs is None:
            return None
        return f"{floatformat(clip.loudness_lufs, 1)} LUFS"

    @admin.display(description=_("true peak"))
    def true_peak(self, clip: Clip) -> str:
        """Return the largest magnitude between and at the samples."""
        return f"{floatformat(clip.true_peak_dbtp, 1)} dBTP"

    @admin.display(description=_("format"))
    def format(self, clip: Clip) -> str:
        """Return media type, sample rate and channels."""
        channels = ngettext("%(number)d channel", "%(number)d channels", clip.channels)
        rate = f"{floatformat(clip.sample_rate_hz / 1000, 1)} kHz"
        return ", ".join([clip.media_type, rate, channels % {"number": clip.channels}])

    @admin.display(description=_("size"))
    def size(self, clip: Clip) -> str:
        """Return the size of the file."""
        return filesizeformat(clip.byte_size)

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Allow what the user's permissions allow."""
        return admin.ModelAdmin.has_change_permission(self, request, obj)

    def save_model(
        self,
        request: HttpRequest,
        obj: Clip,
        form: forms.ModelForm[Clip],
        change: bool,  # noqa: FBT001 # Django calls it by position
    ) -> None:
        """Store the changed fields."""
        edit_clip(clip=obj, fields=form.changed_data, actor_id=request.user.pk)

    @admin.action(description=_("Withdraw from the library…"), permissions=["change"])
    def withdraw(self, request: HttpRequest, chosen: QuerySet[Clip]) -> HttpResponse | None:
        """Ask for the reason, then withdraw recordings."""
        return self._ask_and_act(
            request, chosen, act=withdraw_clips, action="withdraw", title=_("Withdraw recordings")
        )

    @admin.action(description=_("Restore to the library…"), permissions=["change"])
    def restore(self, request: HttpRequest, chosen: QuerySet[Clip]) -> HttpResponse | None:
        """Ask for the reason, then restore recordings."""
        return self._ask_and_act(
            request, chosen, act=restore_clips, action="restore", title=_("Restore recordings")
        )

    def _ask_and_act(
        self,
        request: HttpRequest,
        chosen: QuerySet[Clip],
        *,
        act: Callable[..., int],
        action: str,
        title: Any,
    ) -> HttpResponse | None:
        """Show the page that asks for the reason; act when it comes back with one."""
        clips = list(chosen.defer("peaks")[: MOST_AT_ONCE + 1])
        if len(clips) > MOST_AT_ONCE:
            words = _("Choose at most %(most)d recordings at a time.") % {"most": MOST_AT_ONCE}
            self.message_user(request, words, messages.ERROR)
            return None
        form = ReasonForm(request.POST if "reason" in request.POST else None)
        if not form.is_valid():
            context = self.admin_site.each_context(request) | {
                "title": title,
                "opts": self.model._meta,
                "clips": clips,
                "form": form,
                "action": action,
                "checkbox": ACTION_CHECKBOX_NAME,
            }
            return TemplateResponse(request, "admin/retrieval/clip/reason.html", context)
        number = act(
            clip_ids=[clip.pk for clip in clips],
            reason=form.cleaned_data["reason"],
            actor_id=request.user.pk,
        )
        words = ngettext("%(number)d recording changed.", "%(number)d recordings changed.", number)
        self.message_user(request, words % {"number": number}, messages.SUCCESS)
        return None
