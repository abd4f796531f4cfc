"""Forms of campaigns: the design, and what leads do with a running one."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.forms import BoundField
from django.utils.translation import gettext_lazy as _

from labelling.grades import Grading
from labelling.models import Adjudication, Campaign, Design
from labelling.selectors.campaign_list import photo_sets_to_draw_from
from labelling.selectors.campaigns import drawn_campaigns
from labelling.selectors.guidelines import published_guidelines
from retrieval.engine.matching.recipes import MATCHERS
from retrieval.views.result_page import MATCHER_WORDS

_GROUPS: Final = (
    (_("What is judged"), ("name", "photo_set", "matchers", "ranks")),
    (_("Which pairs"), ("design", "strata", "disputed_in", "size", "seed")),
    (
        _("How it is graded"),
        ("guideline", "graders_per_pair", "gold_share", "qualification_pairs",
         "qualification_share"),
    ),
)  # fmt: skip


class CampaignForm(forms.ModelForm):  # type: ignore[type-arg] # generic in the stubs only
    """The design of a campaign."""

    matchers = forms.MultipleChoiceField(
        label=_("Matchers"),
        choices=[(name, MATCHER_WORDS.get(name, name)) for name in MATCHERS],
        widget=forms.CheckboxSelectMultiple,
        help_text=_("With several, a pair that more than one of them found is graded once."),
        error_messages={"required": _("Choose at least one matcher.")},
    )

    class Meta:
        model = Campaign
        fields = tuple(name for _words, names in _GROUPS for name in names)
        labels = {
            "photo_set": _("Photo set"),
            "design": _("Design"),
            "strata": _("Strata"),
            "disputed_in": _("Campaign with the disputed pairs"),
            "guideline": _("Guideline"),
        }
        help_texts = {
            "strata": _("For a stratified sample: what divides its strata."),
            "disputed_in": _("For a worklist of disputed pairs."),
            "size": _(
                "How many pairs. With several matchers: how many photos at a rank, each with up to "
                "one pair a matcher."
            ),
            "seed": _("The draw can be repeated from it."),
        }
        widgets = {"design": forms.RadioSelect}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, choices in (
            ("photo_set", photo_sets_to_draw_from()),
            ("guideline", published_guidelines()),
            ("disputed_in", drawn_campaigns()),
        ):
            field: Any = self.fields[name]
            field.queryset, field.empty_label = choices, _("Choose…")

    def groups(self) -> Iterator[tuple[Any, list[BoundField]]]:
        """Yield the fields by the question that they answer."""
        for words, names in _GROUPS:
            yield words, [self[name] for name in names]

    def clean(self) -> dict[str, Any]:
        """Require what the design needs, and drop what it does not."""
        given: dict[str, Any] = super().clean() or {}
        if given.get("design") != Design.STRATIFIED:
            given["strata"] = ""
        elif not given.get("strata"):
            self.add_error("strata", _("Choose what divides the strata."))
        if given.get("design") != Design.DISPUTED:
            given["disputed_in"] = None
        elif not given.get("disputed_in"):
            self.add_error("disputed_in", _("Choose the campaign."))
        return given


class OverlapForm(forms.ModelForm):  # type: ignore[type-arg] # generic in the stubs only
    """More reviewers for each pair of a campaign."""

    class Meta:
        model = Campaign
        fields = ("graders_per_pair",)

    def clean_graders_per_pair(self) -> Decimal:
        """Refuse a number that is not larger than the campaign's."""
        wanted: Decimal = self.cleaned_data["graders_per_pair"]
        if wanted <= self.initial["graders_per_pair"]:
            raise forms.ValidationError(_("Choose a larger number than now."))
        return wanted


class AdjudicationForm(forms.Form):
    """A lead's decision about a pair."""

    grade = forms.ChoiceField(label=_("Grade"), choices=Grading.choices, widget=forms.RadioSelect)
    reason = forms.CharField(
        label=_("Why"), max_length=Adjudication._meta.get_field("reason").max_length
    )


class ReopeningForm(forms.Form):
    """Why a pair is to be graded again."""

    reason = forms.CharField(
        label=_("Why it is graded again"),
        max_length=Adjudication._meta.get_field("reason").max_length,
    )
