"""Lists of tables with millions of rows: nothing counts, sorts or groups all of them."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.utils.functional import Promise

from retrieval.admin.columns import FilledInFilter
from retrieval.selectors.column_values import first_values

MOST_LISTED: Final = 10_000
_MOST_VALUES: Final = 100


class BoundedPaginator(Paginator):
    """Pages of the first `MOST_LISTED` rows.

    Others are found by a search, a filter, or in the reverse order. A count of all rows, and an
    offset to the last ones, would take longer the more rows there are.
    """

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: MOST_LISTED + 1].count())

    @cached_property
    def count(self) -> int:
        """Number of rows on all pages."""
        return min(self._counted, MOST_LISTED)

    @property
    def has_more_rows(self) -> bool:
        """Whether there are rows that are on no page."""
        return self._counted > MOST_LISTED


class _LargeList(ChangeList):
    """Sorts by no other column when an address asks for it."""

    def get_ordering_field(self, field_name: Any) -> Any:
        """Return what a column sorts by; None if it does not sort."""
        sorts = self.sortable_by is None or field_name in self.sortable_by
        return super().get_ordering_field(field_name) if sorts else None


class LargeListAdmin(admin.ModelAdmin):
    """A list of a large table. Set `sortable_by` to columns that have an index.

    `search_hint` says what the search finds; Django's `search_help_text` takes the place of the
    field's label, and axe complains.
    """

    search_hint: str | Promise = ""
    list_per_page = 50
    paginator = BoundedPaginator
    show_facets = admin.ShowFacets.NEVER  # counts the rows of every choice
    show_full_result_count = False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that sorts by `sortable_by` only."""
        return _LargeList


class IndexedValuesFilter(FilledInFilter):
    """Filter by the values of a column that has an index: by the first 100 ones."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.lookup_choices: Any = first_values(
            self.field.model, self.field.name, limit=_MOST_VALUES
        )
