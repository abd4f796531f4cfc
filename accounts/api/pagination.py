"""Pages of lists that neither skip nor repeat rows while rows come and go."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.exceptions import ErrorDetail, ValidationError

_Row = TypeVar("_Row", bound=Model)


class Page(NamedTuple, Generic[_Row]):
    """Rows of a list, and the cursor of the next page if there is one."""

    rows: list[_Row]
    next_cursor: str | None


def page_of(
    rows: QuerySet[_Row], *, order: Sequence[str], cursor: str | None, size: int
) -> Page[_Row]:
    """Return the page of a list that begins behind a cursor.

    Parameters
    ----------
    order
        Names of columns, each with ``-`` to sort downwards, that are never null; the last one is
        unique. A cursor holds the values of the last row seen, not a number of rows, and opens
        no list of another model or order.

    Raises
    ------
    ValidationError
        With code ``invalid_cursor``.
    """
    if cursor is not None:
        rows = rows.filter(_behind(order, _values(rows.model, order, cursor)))
    found = list(rows.order_by(*order)[: size + 1])
    shown = found[:size]
    return Page(shown, _cursor(shown[-1], order) if len(found) > size else None)


def _behind(order: Sequence[str], values: Sequence[Any]) -> Q:
    """Return the condition of rows that sort behind these values."""
    behind = Q()
    for position, (name, value) in enumerate(zip(order, values, strict=True)):
        same = Q(**dict(zip(map(_column, order[:position]), values, strict=False)))
        compare = "lt" if name.startswith("-") else "gt"
        behind |= same & Q(**{f"{_column(name)}__{compare}": value})
    # Implied by the others, and the one that an index understands.
    first, value = order[0], values[0]
    compare = "lte" if first.startswith("-") else "gte"
    return Q(**{f"{_column(first)}__{compare}": value}) & behind


def _cursor(row: Model, order: Sequence[str]) -> str:
    values = [_list_name(type(row), order), *(getattr(row, _column(name)) for name in order)]
    text = json.dumps(values, cls=_ExactEncoder, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _values(model: type[Model], order: Sequence[str], cursor: str) -> list[Any]:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if not isinstance(values, list) or values[:1] != [_list_name(model, order)]:
            raise ValueError("of another list")
        return [_clean(model, name, value) for name, value in zip(order, values[1:], strict=True)]
    except (
        ValueError,
        TypeError,
        RecursionError,
        OverflowError,
        binascii.Error,
        DjangoValidationError,
    ) as error:
        words = _("This is no cursor of this list. Take it from the `next` link.")
        raise ValidationError({"cursor": [ErrorDetail(words, code="invalid_cursor")]}) from error


def _clean(model: type[Model], name: str, value: Any) -> Any:
    column = model._meta.get_field(_column(name))
    found = column.to_python(value)  # type: ignore[union-attr] # no relation
    column.run_validators(found)  # type: ignore[union-attr]
    if found is None:
        raise ValueError("no value")
    if isinstance(found, str):
        found.encode()  # raises for half of a surrogate pair
        if "\0" in found:
            raise ValueError("NUL in a text")
    if isinstance(found, datetime) and timezone.is_naive(found):
        raise ValueError("a time without its zone")
    return found


def _list_name(model: type[Model], order: Sequence[str]) -> str:
    name = f"{model._meta.label} {' '.join(order)}"
    return hashlib.sha256(name.encode()).hexdigest()[:8]


def _column(name: str) -> str:
    return name.removeprefix("-")


class _ExactEncoder(DjangoJSONEncoder):
    """Keeps the microseconds of times, which Django's encoder cuts to milliseconds."""

    def default(self, o: Any) -> Any:
        return o.isoformat() if hasattr(o, "isoformat") else super().default(o)
