"""A form field for sounds with weights, chosen from a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from retrieval.engine.vocabulary.labels import load_vocabulary

_ROWS: Final = 14
"""The program's table has at most 13 sounds for a class."""

Pairs = list[tuple[str, str]]


class SoundWeightsInput(forms.Widget):
    """Rows of a sound, with suggestions of all names, and its weight."""

    template_name = "admin/retrieval/heardoverride/sound_weights.html"
    use_fieldset = True

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        """Return the rows: those with a sound first, then empty ones."""
        pairs = list(value.items() if isinstance(value, Mapping) else value or ())
        rows = pairs + [("", "")] * max(1, _ROWS - len(pairs))
        names = sorted(label.name for label in load_vocabulary("audioset"))
        context = super().get_context(name, None, attrs)
        return context | {"rows": rows, "names": names}

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """Return the rows; a form's own renderer knows no templates of the site."""
        return render_to_string(self.template_name, self.get_context(name, value, attrs))

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Pairs:
        """Return the rows that somebody has filled in, at least in part."""
        sounds, weights = data.getlist(f"{name}-sound"), data.getlist(f"{name}-weight")
        rows = [(one.strip(), weight.strip()) for one, weight in zip(sounds, weights, strict=False)]
        return [row for row in rows if any(row)]

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        """Return whether the form had no such rows."""
        return f"{name}-sound" not in data


class SoundWeightsField(forms.Field):
    """The weight of each sound by its name; an empty mapping for no sound."""

    widget = SoundWeightsInput

    def clean(self, value: Pairs) -> dict[str, float]:
        """Return the weights; `check_override` looks up the names and adds the weights.

        Raises
        ------
        ValidationError
            If a row lacks a part, a weight is no finite number, or a sound is in two rows.
        """
        weights: dict[str, float] = {}
        for sound, weight in value:
            if not (sound and weight):
                words = _("Each row needs a sound and a weight: “%(sound)s”, “%(weight)s”.")
                raise ValidationError(words % {"sound": sound, "weight": weight})
            if sound in weights:
                raise ValidationError(_("“%(sound)s” is in two rows.") % {"sound": sound})
            try:
                number = forms.FloatField(localize=True).clean(weight)
            except ValidationError as error:
                words = _("The weight of “%(sound)s” is “%(weight)s”, not a number.")
                values = {"sound": sound, "weight": weight}
                raise ValidationError(words % values) from error
            assert number is not None  # the field requires one
            weights[sound] = number
        return weights
