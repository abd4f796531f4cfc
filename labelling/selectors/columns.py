"""Read a query's rows as columns, many times faster than row by row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

_SEPARATOR: Final = "\x1f"  # "unit separator"; in texts a space replaces it
_COLUMN: Final[Mapping[type, str]] = {
    int: 'array_send(array_agg("{name}"::bigint))',
    float: "array_send(array_agg(coalesce(\"{name}\"::double precision, 'NaN')))",
    str: "string_agg(translate(\"{name}\"::text, E'\\x1f', ' '), E'\\x1f')",
}
_HEADER_BYTES: Final = 20  # dimensions, flags, type, length, first index: of four bytes each
_ELEMENT: Final[Mapping[type, Any]] = {
    int: np.dtype([("length", ">i4"), ("value", ">i8")]),
    float: np.dtype([("length", ">i4"), ("value", ">f8")]),
}
_TYPE: Final[Mapping[type, Any]] = {int: np.int64, float: np.float64}


def columns_of(rows: QuerySet[Any], **kinds: type) -> dict[str, Any]:
    """Return columns of the rows that a query selects, in an order that is the same for all.

    Parameters
    ----------
    rows
        A query with `values`; its order does not matter.
    kinds
        The columns and what they hold: int and str without nulls, or float, where null is NaN.

    Returns
    -------
    dict
        Arrays of int64 or float64; lists of str.
    """
    try:
        sql, params = rows.order_by().query.sql_with_params()
    except EmptyResultSet:  # Django knows without asking, such as for `pk__in=[]`
        return {name: _parsed(None, kind) for name, kind in kinds.items()}
    selected = ", ".join(_COLUMN[kind].format(name=name) for name, kind in kinds.items())
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {selected} FROM ({sql}) AS found", params)  # noqa: S608 # no values
        found = cursor.fetchone()
    return {
        name: _parsed(value, kind) for (name, kind), value in zip(kinds.items(), found, strict=True)
    }


def _parsed(value: Any, kind: type) -> Any:
    if kind is str:
        return value.split(_SEPARATOR) if value is not None else []
    if value is None:
        return np.empty(0, dtype=_TYPE[kind])
    elements = np.frombuffer(value, dtype=_ELEMENT[kind], offset=_HEADER_BYTES)
    return elements["value"].astype(_TYPE[kind])
