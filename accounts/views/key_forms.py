"""Forms of the API's keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import ApiKey
from accounts.scopes import Scope


class KeyForm(forms.Form):
    """A new key: its name, what it may do and for how long."""

    name = forms.CharField(
        label=_("Name"),
        help_text=_("For you: which program uses the key, and where."),
        max_length=ApiKey._meta.get_field("name").max_length,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scopes = forms.TypedMultipleChoiceField(
        label=_("What it may do"),
        coerce=Scope,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one.")},
    )
    days = forms.TypedChoiceField(
        label=_("It works for"),
        coerce=int,
        choices=[(30, _("30 days")), (90, _("90 days")), (365, _("365 days"))],
        initial=90,
        widget=forms.RadioSelect,
    )

    def __init__(self, *args: Any, allowed: Sequence[Scope], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(scope.value, scope.label) for scope in allowed]
        self.fields["scopes"].choices = choices  # type: ignore[attr-defined] # a field of choices


class RotateForm(forms.Form):
    """When the secret that a key has now ends."""

    at_once = forms.TypedChoiceField(
        label=_("The old secret"),
        coerce=lambda value: value == "yes",
        choices=[
            ("no", _("works for one more day, so that you can change it in your programs")),
            ("yes", _("ends at once: somebody else may know it")),
        ],
        initial="no",
        widget=forms.RadioSelect,
    )
    begins = forms.CharField(widget=forms.HiddenInput)
