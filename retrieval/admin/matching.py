"""A site's own settings for matching in the admin: banks of photos, overrides of sounds."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import number_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.admin.audited import AuditedAdmin
from accounts.admin.read_only import AppendOnlyAdmin, ReadOnlyAdmin
from accounts.selectors.names import username_of
from retrieval.admin.sound_weights import SoundWeightsField
from retrieval.engine.vocabulary.labels import load_vocabulary
from retrieval.models import HeardOverride, PhotoBank
from retrieval.services.site_overrides import check_override, override_sounds


@admin.register(PhotoBank)
class PhotoBankAdmin(AuditedAdmin, ReadOnlyAdmin):
    """Banks of photos. The newest is in use; deleting it restores the one before."""

    list_display = ("id", "photos", "digest", "at")

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Allow what the user's permissions allow."""
        return admin.ModelAdmin.has_delete_permission(self, request, obj)


def image_classes() -> list[tuple[str, str]]:
    """Return key and name of each image class, by name; a name of several with the key."""
    labels = list(load_vocabulary("imagenet"))
    bearers = Counter(label.name for label in labels)
    named = [
        (label.key, label.name if bearers[label.name] == 1 else f"{label.name} ({label.key})")
        for label in labels
    ]
    return [("", "---------"), *sorted(named, key=lambda pair: pair[1].casefold())]


class HeardOverrideForm(forms.ModelForm):
    """The form of an override."""

    wnid = forms.ChoiceField(label=_("Class"), choices=image_classes)
    sounds = SoundWeightsField(
        label=_("Sounds and weights"),
        required=False,
        help_text=_("The weights add up to 1. Without any row the class predicts no sound."),
    )

    class Meta:
        model = HeardOverride
        fields = ("wnid", "sounds", "taken_back", "why")
        labels = {"taken_back": _("Restore the program's own sounds")}

    def clean(self) -> dict[str, Any]:
        """Validate the override against the rules of the table."""
        cleaned = super().clean() or {}
        if not self.errors:
            if cleaned["taken_back"] and cleaned["sounds"]:
                words = _("The program's own sounds are restored only without sounds here.")
                raise ValidationError({"sounds": words})
            check_override(override=HeardOverride(**cleaned))
        return cleaned


@admin.register(HeardOverride)
class HeardOverrideAdmin(AuditedAdmin, AppendOnlyAdmin):
    """Overrides of the sounds that are expected for an image class.

    The newest row of a class applies; `taken_back` restores the program's own entry.
    """

    form = HeardOverrideForm
    list_display = ("label", "heard", "why", "writer", "at")
    list_per_page = 50
    search_fields = ("wnid", "why")

    def get_fields(self, request: HttpRequest, obj: HeardOverride | None = None) -> Any:
        """Return what is asked of a new override, and in words what an old one says."""
        return ("label", "heard", "why", "writer", "at") if obj else HeardOverrideForm.Meta.fields

    def get_readonly_fields(self, request: HttpRequest, obj: HeardOverride | None = None) -> Any:
        """Return all fields of an old override."""
        return self.get_fields(request, obj) if obj else ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[HeardOverride]:
        """Return the overrides with the present names of their authors."""
        return HeardOverride.objects.annotate(writer=username_of("author"))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[HeardOverride], search_term: str
    ) -> tuple[QuerySet[HeardOverride], bool]:
        """Search also by the names of classes, which are not in the database."""
        found, duplicates = super().get_search_results(request, queryset, search_term)
        word = search_term.strip().casefold()
        if not word:
            return found, duplicates
        labels = load_vocabulary("imagenet")
        keys = [label.key for label in labels if word in label.name.casefold()]
        return found | queryset.filter(wnid__in=keys), duplicates

    @admin.display(description=_("class"), ordering="wnid")
    def label(self, override: HeardOverride) -> str:
        """Return the name of the class with its key, because names are not unique."""
        return f"{load_vocabulary('imagenet').by_key(override.wnid).name} ({override.wnid})"

    @admin.display(description=_("sounds"))
    def heard(self, override: HeardOverride) -> str:
        """Return the sounds with their weights, the largest first."""
        if override.taken_back:
            return gettext("the program's own sounds again")
        if not override.sounds:
            return gettext("no sound")
        largest_first = sorted(override.sounds.items(), key=lambda pair: -pair[1])
        return "; ".join(f"{name} {number_format(weight)}" for name, weight in largest_first)

    @admin.display(description=_("by"))
    def writer(self, override: HeardOverride) -> str | None:
        """Return the name of the author; None if the account is gone."""
        return getattr(override, "writer", None)

    def save_model(
        self,
        request: HttpRequest,
        obj: HeardOverride,
        form: forms.ModelForm[HeardOverride],
        change: bool,  # noqa: FBT001 # Django calls it by position
    ) -> None:
        """Store the override; it applies from the next photo."""
        obj.pk = override_sounds(
            wnid=obj.wnid,
            sounds=obj.sounds,
            why=obj.why,
            taken_back=obj.taken_back,
            author=request.user.pk,
        ).pk
