"""Tables that a click on a column's head sorts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django.http import HttpRequest
from django.utils.http import urlencode

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class Column(Generic[_Row]):
    """A column; one without a key is not for sorting. Figures are sorted largest first."""

    label: StrOrPromise
    name: str = ""
    key: Callable[[_Row], Any] | None = None
    figures: bool = False


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a column: its words, the query that sorts by it, and `aria-sort`."""

    label: StrOrPromise
    query: str = ""
    order: str = ""
    figures: bool = False


@dataclass(frozen=True, slots=True)
class Table(Generic[_Row]):
    """The heads and the sorted rows."""

    heads: list[Head]
    rows: list[_Row]


def sorted_table(
    request: HttpRequest, rows: Iterable[_Row], columns: Sequence[Column[_Row]], *, default: str
) -> Table[_Row]:
    """Sort rows by `?sort=NAME` or, the other way round, `?sort=-NAME`.

    Parameters
    ----------
    request
        The request; its other arguments are not kept: they are those of other pages of the list.
    rows
        The rows in their natural order, which breaks ties.
    columns
        The columns from left to right.
    default
        The order without an argument, in the same form; empty for the natural order.
    """
    given = request.GET.get("sort", default)
    chosen = next((one for one in columns if one.key and one.name == given.removeprefix("-")), None)
    backwards = given.startswith("-")
    ordered = list(rows)
    if chosen is not None and chosen.key is not None:
        ordered.sort(key=chosen.key, reverse=backwards)
    heads = [_head(one, backwards if one is chosen else None) for one in columns]
    return Table(heads, ordered)


def _head(column: Column[Any], backwards: bool | None) -> Head:  # noqa: FBT001 # private
    if column.key is None:
        return Head(column.label, figures=column.figures)
    to_backwards = column.figures if backwards is None else not backwards
    query = "?" + urlencode({"sort": f"-{column.name}" if to_backwards else column.name})
    order = "" if backwards is None else "descending" if backwards else "ascending"
    return Head(column.label, query, order, column.figures)
