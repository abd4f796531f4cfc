"""Reports for programs: the fields are those of `labelling.reporting.report`."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Union, cast, get_args, get_origin, get_type_hints

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.serializers import OutputSerializer, QuerySerializer
from labelling.api.fields import StrictChoiceField
from labelling.models import FrozenReport
from labelling.reporting.report import Report
from labelling.reporting.report_json import as_values, from_json
from labelling.services.report_files import FileFormat


class FiniteFloatField(serializers.FloatField):
    """A number that JSON has; null for others."""

    def to_representation(self, value: Any) -> float | None:  # type: ignore[override] # None, too
        """Return the number."""
        return float(value) if math.isfinite(value) else None


_PLAIN: Final[Mapping[Any, type[serializers.Field[Any, Any, Any, Any]]]] = {
    str: serializers.CharField,
    int: serializers.IntegerField,
    float: FiniteFloatField,
}


class ExportQuerySerializer(QuerySerializer):
    """Which files are wanted."""

    format = StrictChoiceField(choices=[(str(one), str(one)) for one in FileFormat])


class FrozenReportSerializer(OutputSerializer):
    """What a frozen report was made from."""

    id = serializers.IntegerField(source="pk")
    campaign_id = serializers.IntegerField()
    campaign = serializers.CharField(source="campaign.name")
    number = serializers.IntegerField(help_text="From 1, of the campaign.")
    made_at = serializers.DateTimeField()
    digest = serializers.CharField(help_text="SHA-256 of the data.")
    seed = serializers.IntegerField(help_text="Of the draw.")
    code_version = serializers.CharField(help_text="SHA-256 of the program's sources.")
    versions = serializers.DictField(help_text="Of matchers, models and libraries.")


@cache
def _serializer_of(kind: Any) -> type[OutputSerializer]:
    """Return a serializer with the fields of a dataclass of reports."""
    hints = get_type_hints(kind)
    members: dict[str, Any] = {one.name: _field(hints[one.name]) for one in fields(kind)}
    return _named(f"Report{kind.__name__.removeprefix('Report')}", kind, members)


def _named(name: str, kind: Any, members: dict[str, Any]) -> type[OutputSerializer]:
    about = {"__doc__": kind.__doc__, "__module__": __name__}
    return type(f"{name}Serializer", (OutputSerializer,), members | about)


def _field(hint: Any, *, allow_null: bool = False) -> Any:
    """Return the field of a type that these dataclasses use."""
    origin, of = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType}:
        (hint,) = (one for one in of if one is not NoneType)
        allow_null = True
        origin, of = get_origin(hint), get_args(hint)
    if is_dataclass(hint):
        return _serializer_of(cast("Hashable", hint))(allow_null=allow_null)
    if origin is tuple:
        length = None if of[1:] == (...,) else len(of)
        return serializers.ListField(
            child=_field(of[0]), min_length=length, max_length=length, allow_null=allow_null
        )
    if origin is Mapping:
        if of[1] is Any:
            return serializers.DictField(allow_null=allow_null)
        return serializers.DictField(child=_field(of[1]), allow_null=allow_null)
    return _PLAIN[hint](allow_null=allow_null or hint is float)


ReportSerializer = _named(
    "Report",
    Report,
    {"format": serializers.IntegerField(help_text="Version of this format.")}
    | {name: _field(hint) for name, hint in get_type_hints(Report).items()},
)


class FrozenReportDetailSerializer(FrozenReportSerializer):
    """A frozen report."""

    report = serializers.SerializerMethodField()

    @extend_schema_field(ReportSerializer)
    def get_report(self, frozen: FrozenReport) -> Any:
        """Return the figures, read as the page reads them."""
        return ReportSerializer(as_values(from_json(frozen.figures))).data
