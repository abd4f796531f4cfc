"""The forms about one photo: its owner's settings, a report, an operator's decision."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from retrieval.models import Scene, SceneReport, Visibility


class SceneTitleForm(forms.Form):
    """A photo's title."""

    title = forms.CharField(
        label=_("Title"), max_length=Scene._meta.get_field("title").max_length, required=False
    )


class SceneSettingsForm(SceneTitleForm):
    """What a photo's owner decides about it."""

    visibility = forms.ChoiceField(
        label=_("Who can see this page"),
        choices=Visibility.choices,
        widget=forms.RadioSelect,
    )
    judging_allowed = forms.BooleanField(
        label=_("Let reviewers judge how well the sound fits: they see the photo"),
        required=False,
        help_text=_("You can take this back. A photo that only you see is not judged."),
    )

    @classmethod
    def of(cls, scene: Scene, given: QueryDict | None = None) -> SceneSettingsForm:
        """Return the form with a scene's settings."""
        names = ("title", "visibility", "judging_allowed")
        initial = {name: getattr(scene, name) for name in names}
        form = cls(given, initial=initial)
        if scene.owner_id is None:
            words = _("Without an account, “only you” means in this browser.")
            form.fields["visibility"].help_text = words
        return form


class ReportForm(forms.Form):
    """A visitor's complaint about a photo."""

    reason = forms.ChoiceField(
        label=_("What is wrong with it?"),
        choices=SceneReport.Reason.choices,
        widget=forms.RadioSelect,
    )
    words = forms.CharField(
        label=_("Anything the operator should know"),
        max_length=SceneReport._meta.get_field("words").max_length,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
    )


class DecisionForm(forms.Form):
    """An operator's decision about a reported or hidden photo."""

    decision = forms.ChoiceField(choices=[("hide", ""), ("keep", ""), ("restore", "")])
    reason = forms.CharField(
        max_length=Scene._meta.get_field("hidden_reason").max_length, required=False
    )

    def clean(self) -> dict[str, Any]:
        """Require a reason for hiding: the owner is told."""
        given = self.cleaned_data
        if given.get("decision") == "hide" and not given.get("reason"):
            self.add_error("reason", _("Say why: the owner of the photo reads it."))
        return given
