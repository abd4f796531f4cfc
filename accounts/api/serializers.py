"""Base classes of the API's serializers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

_JSON_TYPES: Final[tuple[tuple[type[Any], tuple[type[Any], ...]], ...]] = (
    (serializers.BooleanField, (bool,)),
    (serializers.IntegerField, (int,)),
    (serializers.FloatField, (int, float)),
    (serializers.CharField, (str,)),
    (serializers.UUIDField, (str,)),
    (serializers.DateTimeField, (str,)),
)
"""The types of JSON that fields take; REST framework converts others, such as 1 to "1"."""


WHITE_SPACE: Final = r"\s\u001c-\u001f\u0085"
"""What is stripped of texts, in a pattern; not all languages have the last ones in `\\s`."""


class InputSerializer(serializers.Serializer[Any]):
    """Validates what a program sent; a field that it does not have is an error.

    In JSON, a value must have the type that the field says: a text is no number, 1 is not true.
    """

    all_are_texts: ClassVar[bool] = False
    """Whether the values come from an address; those of forms are texts, too."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the validated values."""
        if isinstance(data, Mapping):
            unknown = sorted(set(data) - set(self.fields))
            if unknown:
                words = _("There is no such field.")
                raise ValidationError(
                    {name: [ErrorDetail(str(words), code="unknown_field")] for name in unknown}
                )
            if self._is_json:
                return self._internal_value_of_json(data)
        return super().to_internal_value(data)

    def validate(self, attrs: Any) -> Any:
        """Refuse numbers that JSON could not hold: forms and addresses can spell them."""
        endless = [
            name
            for name, value in attrs.items()
            if isinstance(value, float) and not math.isfinite(value)
        ]
        if endless:
            raise ValidationError(_type_errors(endless))
        return super().validate(attrs)

    @property
    def _is_json(self) -> bool:
        request = self.context.get("request")
        sent_type = str(getattr(request, "content_type", "") or "application/json")
        return not self.all_are_texts and sent_type.lower().startswith("application/json")

    def _internal_value_of_json(self, data: Mapping[str, Any]) -> Any:
        """Return the validated values; the errors name fields of other types and all others."""
        wrong = [
            name
            for name, field in self.fields.items()
            if name in data and not all(_fits(*one) for one in _parts(field, data[name]))
        ]
        if not wrong:
            return super().to_internal_value(data)
        errors: dict[str, Any] = {}
        try:
            super().to_internal_value({name: data[name] for name in data if name not in wrong})
        except ValidationError as error:
            errors = dict(error.detail)  # type: ignore[arg-type] # of fields
        raise ValidationError(errors | _type_errors(wrong))


def _parts(field: Any, value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield a field with its value, or the field of a list's entries with each."""
    if isinstance(field, serializers.ListField) and isinstance(value, list):
        for one in value:
            yield from _parts(field.child, one)
    else:
        yield field, value


def _fits(field: Any, value: Any) -> bool:
    """Return whether a value has the field's type, or is null, which is checked elsewhere.

    10.0 is an integer, as in JSON Schema.
    """
    types = next((types for kind, types in _JSON_TYPES if isinstance(field, kind)), None)
    if types is None or value is None:
        return True
    if types == (int,) and isinstance(value, float) and value.is_integer():
        return True
    if not isinstance(value, types) or isinstance(value, bool) is not (types == (bool,)):
        return False
    return not isinstance(value, int) or abs(value) < _BEYOND_FLOATS


_BEYOND_FLOATS: Final = 10**308


def _type_errors(names: list[str]) -> dict[str, list[ErrorDetail]]:
    words = str(_("This value is not of the field's type."))
    return {name: [ErrorDetail(words, code="invalid")] for name in names}


class QuerySerializer(InputSerializer):
    """Validates the parameters of an address; `fields` selects fields of the answer."""

    all_are_texts = True

    fields_ = serializers.CharField(
        required=False,
        help_text="Names of the answer's outermost fields that you want, with commas.",
    )

    def get_fields(self) -> dict[str, Any]:
        """Return the parameters; `fields` is an attribute of serializers."""
        found = super().get_fields()
        found["fields"] = found.pop("fields_")
        return found


class PageQuerySerializer(QuerySerializer):
    """The parameters of a list."""

    cursor = serializers.CharField(
        required=False, max_length=1000, help_text="Where the page begins: from the `next` link."
    )
    page_size = serializers.IntegerField(required=False, min_value=1, max_value=200, default=50)


class OutputSerializer(serializers.Serializer[Any]):
    """Renders an answer; `only` names the fields to render."""

    def __init__(self, *args: Any, only: frozenset[str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if only is not None:
            for name in set(self.fields) - only:
                self.fields.pop(name)
