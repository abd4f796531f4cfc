"""Fields that take a value as JSON has it, and nothing that only looks like it."""

from __future__ import annotations

from typing import Any, NoReturn

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers


class StrictChoiceField(serializers.ChoiceField):
    """One of some texts, as they are written."""

    default_error_messages = {"invalid_choice": _("This is none of the possible values.")}

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        """Refuse null as any other value that is not possible."""
        if data is None:
            self._refuse()
        return super().validate_empty_values(data)

    def to_internal_value(self, data: Any) -> str:
        """Return the value."""
        if not isinstance(data, str) or data not in self.choices:
            self._refuse()
        return data

    def _refuse(self) -> NoReturn:
        self.fail("invalid_choice")
