"""The forms of photo sets."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from labelling.models import PhotoSet, SetPhoto
from labelling.services.photo_files import PhotoCredit
from retrieval.catalogue.licences import LICENCES, UNKNOWN


class PhotoSetForm(forms.Form):
    """A new photo set."""

    name = forms.CharField(label=_("Name"), max_length=PhotoSet._meta.get_field("name").max_length)
    purpose = forms.CharField(
        label=_("Purpose"),
        max_length=PhotoSet._meta.get_field("purpose").max_length,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    source = forms.ChoiceField(
        label=_("Its photos"),
        choices=PhotoSet.Source.choices,
        initial=PhotoSet.Source.IMPORTED,
        widget=forms.RadioSelect,
        help_text=_(
            "Imported photos do not expire and are deleted with their set. Visitors' photos stay "
            "theirs: a set only names those that they let reviewers judge."
        ),
    )


class PhotoCreditForm(forms.Form):
    """Licence and origin of uploaded photos."""

    license = forms.ChoiceField(
        label=_("Licence"),
        choices=lambda: [(licence.code, licence.name) for licence in LICENCES.values()],
        initial=UNKNOWN,
    )
    author = forms.CharField(
        label=_("Author"),
        max_length=SetPhoto._meta.get_field("author").max_length,
        required=False,
    )
    source_url = forms.URLField(
        label=_("Address of the source"),
        max_length=SetPhoto._meta.get_field("source_url").max_length,
        assume_scheme="https",
        required=False,
        help_text=_(
            "A file photos.csv among the photos can give each its own: columns path, author, "
            "license, source_url."
        ),
    )

    @property
    def credit(self) -> PhotoCredit:
        """The credit of photos for which no other is given."""
        return PhotoCredit(**self.cleaned_data)
