"""What the API takes and says of filters: facts to which recordings are restricted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from accounts.api.parsing import json_of
from accounts.api.serializers import InputSerializer
from retrieval.api.clip_fields import LicencesField, SecondsField, TagField
from retrieval.catalogue.licences import COMMERCIAL
from retrieval.engine.vocabulary.labels import load_vocabulary
from retrieval.selectors.clip_filters import ClipFilter, licences_of


class ClipFactsSerializer(InputSerializer):
    """Facts that recordings must have."""

    license = LicencesField(
        required=False, help_text="One or more codes of licences, with commas between them."
    )
    commercial_use = serializers.BooleanField(
        required=False,
        help_text="`true`: only recordings whose licence allows to earn money with them.",
    )
    tag = TagField(required=False, help_text="A tag, as it is written.")
    sound = serializers.ChoiceField(
        required=False,
        choices=sorted({label.name for label in load_vocabulary("audioset")}),
        help_text="A detected sound: a name of AudioSet.",
    )
    collection = serializers.CharField(required=False, max_length=100)
    min_duration_s = SecondsField(required=False)
    max_duration_s = SecondsField(required=False)


class ClipFilterSerializer(ClipFactsSerializer):
    """To which recordings a search is restricted. In a form it is JSON, too."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Return the canonical form of the filter."""
        if isinstance(data, str) and not super()._is_json:
            data = json_of(data.encode())
        if not isinstance(data, Mapping):
            words = str(_("This value is not of the field's type."))
            raise ValidationError([ErrorDetail(words, code="invalid")])
        return ClipFilter(**facts_of(super().to_internal_value(data))).as_json()

    def get_value(self, dictionary: Mapping[str, Any]) -> Any:
        """Return what was sent; forms have one field for the whole filter."""
        return dictionary.get(str(self.field_name), serializers.empty)

    @property
    def _is_json(self) -> bool:
        return True


def facts_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a `ClipFilter` that validated values of `ClipFactsSerializer` set."""
    named: str | None = given.get("license")
    licenses = licences_of(
        None if named is None else named.split(","),
        commercial_use=given.get("commercial_use", False),
    )
    others = ("tag", "sound", "collection", "min_duration_s", "max_duration_s")
    return {"licenses": licenses} | {name: given[name] for name in others if name in given}


def without_empty_filter(values: dict[str, Any]) -> dict[str, Any]:
    """Return validated values; an empty filter is none, also to `Idempotency-Key`."""
    if not values.get("filter", True):
        del values["filter"]
    return values


def filter_content(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored filter as a request would ask for it."""
    content = dict(stored)
    licenses = content.pop("licenses", None)
    if licenses is None:
        return content
    if frozenset(licenses) == COMMERCIAL:
        return {"commercial_use": True} | content
    return {"license": ",".join(licenses)} | content
