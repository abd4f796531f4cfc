"""Fields of requests about recordings, with the codes of an import."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final, NoReturn

from django.core.validators import RegexValidator, URLValidator
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from accounts.api.serializers import WHITE_SPACE
from retrieval.catalogue.licences import LICENCES

LICENCE_CODES: Final = tuple(LICENCES)
# As little is escaped as possible: the pattern is part of the API's description, and other
# languages refuse escapes that they do not need.
_ONE_LICENCE: Final = "|".join(re.sub(r"([.+])", r"\\\1", code) for code in LICENCE_CODES)


class _CodedField(serializers.Field[Any, Any, Any, Any]):
    """Renames the codes of a field's errors."""

    codes: ClassVar[Mapping[str, str]] = {}

    def fail(self, key: str, **values: Any) -> NoReturn:
        """Raise the error with our code."""
        words = self.error_messages[key].format(**values)
        raise serializers.ValidationError(words, code=self.codes.get(key, key))


class RecordingField(_CodedField, serializers.FileField):
    """The file of a recording."""

    codes = {"required": "file_missing", "null": "file_missing", "empty": "file_empty"}


class LicenceField(_CodedField, serializers.ChoiceField):
    """The code of a licence."""

    codes = {"required": "licence_required", "null": "licence_required"}

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=LICENCE_CODES, **options)

    def to_internal_value(self, data: Any) -> str:
        """Return a known code; an empty one is missing."""
        if data == "":
            self.fail("required")
        return str(super().to_internal_value(data))


class LicencesField(serializers.CharField):
    """Codes of licences, with commas between them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.validators.append(
            RegexValidator(
                f"^({_ONE_LICENCE})(,({_ONE_LICENCE}))*$",
                _("Give codes of licences with commas between them: {codes}.").format(
                    codes=", ".join(LICENCE_CODES)
                ),
                code="invalid_choice",
            )
        )


class TagField(serializers.CharField):
    """A tag; semicolons separate tags in manifests."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=100, **options)
        self.validators.append(
            RegexValidator(
                f"^[^;]*[^;{WHITE_SPACE}][^;]*$",
                _("A tag cannot contain a semicolon."),
                code="invalid_tag",
            )
        )


class LinkField(serializers.CharField):
    """The address of a page."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.validators.append(
            URLValidator(message=_("Give the whole address of a page."), code="invalid_url")
        )


class SecondsField(serializers.FloatField):
    """A finite number of seconds."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=0, **options)

    def to_internal_value(self, data: Any) -> float:
        """Return the number."""
        number = float(super().to_internal_value(data))
        if not math.isfinite(number):
            self.fail("invalid")
        return number
