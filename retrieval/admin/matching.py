"""A site's own settings for matching in the admin: banks of photos, overrides of sounds."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.admin.audited import AuditedAdmin
from accounts.admin.read_only import AppendOnlyAdmin, ReadOnlyAdmin
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


class HeardOverrideForm(ModelForm):
    """The form of an override."""

    class Meta:
        model = HeardOverride
        fields = ("wnid", "sounds", "taken_back", "why")

    def clean(self) -> dict[str, Any]:
        """Validate the override against the rules of the table."""
        cleaned = super().clean() or {}
        if not self.errors:
            check_override(override=HeardOverride(**cleaned))
        return cleaned


@admin.register(HeardOverride)
class HeardOverrideAdmin(AuditedAdmin, AppendOnlyAdmin):
    """Overrides of the sounds that are expected for an image class.

    The newest row of a class applies; `taken_back` restores the program's own entry.
    """

    form = HeardOverrideForm
    list_display = ("wnid", "label", "sounds", "taken_back", "why", "at")
    search_fields = ("wnid", "why")

    @admin.display(description=_("class"))
    def label(self, override: HeardOverride) -> str:
        """Return the class name."""
        return load_vocabulary("imagenet").by_key(override.wnid).name

    def save_model(
        self,
        request: HttpRequest,
        obj: HeardOverride,
        form: ModelForm[HeardOverride],
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
