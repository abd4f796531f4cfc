"""Reports as JSON, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from labelling.reporting.report import Report
from labelling.reporting.stored_format import FORMAT, check_format


def to_json(report: Report) -> str:
    """Return a report as JSON; the same report gives the same text."""
    return json.dumps(as_values(report), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def as_values(report: Report) -> dict[str, Any]:
    """Return a report as values that JSON has."""
    return {"format": FORMAT, **_plain(report)}


def from_json(text: str) -> Report:
    """Return the report that `to_json` wrote.

    Fields that are newer take their default; those that are gone are ignored.

    Raises
    ------
    StoredFormatError
        If the report is stored in another format.
    """
    stored = json.loads(text)
    check_format(stored)
    report: Report = _read(Report, stored)
    return report


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value


def _read(hint: Any, value: Any) -> Any:
    """Return what JSON calls a value of this type."""
    origin, of = get_origin(hint), get_args(hint)
    if value is None or hint is Any:
        return value
    if is_dataclass(hint):
        hints = get_type_hints(hint)
        known = {name: one for name, one in value.items() if name in hints}
        return hint(**{name: _read(hints[name], one) for name, one in known.items()})  # type: ignore[operator]
    if origin in {Union, UnionType}:
        (hint,) = (one for one in of if one is not type(None))
        return _read(hint, value)
    if origin is tuple:
        kinds = of[:1] * len(value) if of[1:] == (...,) else of
        return tuple(_read(kind, one) for kind, one in zip(kinds, value, strict=True))
    if origin is Mapping:
        return {key: _read(of[1], one) for key, one in value.items()}
    return float(value) if hint is float else value
