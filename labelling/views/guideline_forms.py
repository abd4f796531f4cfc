"""The form of a guideline."""

from __future__ import annotations

from django import forms

from labelling.models import Guideline


class GuidelineForm(forms.ModelForm):  # type: ignore[type-arg] # generic in the stubs only
    """Title and text of a guideline."""

    class Meta:
        model = Guideline
        fields = ("title", "body")
        widgets = {"body": forms.Textarea(attrs={"rows": 20, "spellcheck": "true"})}


class GuidelineBodyForm(forms.ModelForm):  # type: ignore[type-arg] # generic in the stubs only
    """The text of a draft; its title says of what it is a version."""

    class Meta:
        model = Guideline
        fields = ("body",)
        widgets = GuidelineForm.Meta.widgets
