"""What a reviewer's browser sends, as JSON."""

from __future__ import annotations

import contextlib
import json
from typing import Any, Final
from uuid import UUID

from django import forms
from django.http import HttpRequest

from labelling.grades import Fault, Grading, SkipReason
from labelling.models import Answer

MOST_PAIRS: Final = 12
_LONGEST_S: Final = 86_400.0
_MOST_BYTES: Final = 16_384
_NEEDED: Final = {
    Answer.Kind.GRADE.value: ("grade", "listened_s", "took_s"),
    Answer.Kind.SKIP.value: ("reason",),
}


def json_of(request: HttpRequest) -> dict[str, Any]:
    """Return the object that a request carries; an empty one, which no form accepts, otherwise."""
    if len(request.body) > _MOST_BYTES:
        return {}
    try:
        # Whole numbers become floats, too: those of hundreds of digits are infinite, not an error.
        body = json.loads(request.body, parse_int=float)
    except (RecursionError, UnicodeDecodeError, ValueError):
        return {}
    return body if isinstance(body, dict) else {}


class AnswerForm(forms.Form):
    """A grade with its faults, or a skip with its reason."""

    id = forms.UUIDField()
    token = forms.UUIDField()
    kind = forms.ChoiceField(choices=[(kind, "") for kind in _NEEDED])
    grade = forms.ChoiceField(choices=Grading, required=False)
    faults = forms.MultipleChoiceField(choices=Fault, required=False)
    reason = forms.ChoiceField(choices=SkipReason, required=False)
    listened_s = forms.FloatField(min_value=0, max_value=_LONGEST_S, required=False)
    heard_to_end = forms.BooleanField(required=False)
    took_s = forms.FloatField(min_value=0, max_value=_LONGEST_S, required=False)

    def clean(self) -> dict[str, Any]:
        """Require what belongs to the kind; a good grade has no fault."""
        given = super().clean() or self.cleaned_data
        for name in _NEEDED.get(given.get("kind", ""), ()):
            if name not in self.errors and given.get(name) in {None, ""}:
                self.add_error(name, "required")
        if given.get("grade") == Grading.GOOD and given.get("faults"):
            self.add_error("faults", "a good grade has none")
        return given


class UndoForm(forms.Form):
    """The answer that a reviewer takes back."""

    id = forms.UUIDField()
    undoes = forms.UUIDField()


class NextForm(forms.Form):
    """How many pairs the browser wants to hold."""

    wanted = forms.IntegerField(min_value=1, max_value=MOST_PAIRS)


def tokens_of(data: dict[str, Any]) -> list[UUID]:
    """Return the tokens of the pairs that the browser still holds; what is no token is left out."""
    given = data.get("tokens")
    tokens: list[UUID] = []
    for text in given[:MOST_PAIRS] if isinstance(given, list) else ():
        with contextlib.suppress(ValueError):
            tokens.append(UUID(str(text)))
    return tokens
