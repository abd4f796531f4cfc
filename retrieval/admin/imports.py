"""Imports in the admin: request one, follow its state, see which files failed and why."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.admin.read_only import AppendOnlyAdmin, ReadOnlyAdmin
from accounts.selectors.names import username_of
from retrieval.admin.columns import FilledInFilter, failure
from retrieval.admin.large_lists import IndexedValuesFilter, LargeListAdmin
from retrieval.models import ImportItem, LibraryImport
from retrieval.selectors.clip_search import in_path
from retrieval.selectors.imports import failed_items, outcome_counts, outcome_counts_of
from retrieval.submission import submit_import

_SHOWN_FAILURES: Final = 50
_FIELDS: Final = [
    "source", "state", "requester", "created_at", "started_at", "finished_at", failure,
    "outcomes", "failures",
]  # fmt: skip


@admin.register(ImportItem)
class ImportItemAdmin(LargeListAdmin, ReadOnlyAdmin):
    """The result of each imported file."""

    list_display = ("path", "outcome", "why", "recording", "source", "first_at")
    sortable_by = ("first_at",)
    list_filter = ("outcome", ("code", IndexedValuesFilter))
    ordering = ("-pk",)
    search_fields = ("path", "source")  # shows the field; `get_search_results` searches
    search_hint = gettext_lazy("Search for the beginning of a file's name or of a source.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ImportItem]:
        """Return the files with the titles of their recordings, not with all that is known."""
        items = super().get_queryset(request).select_related("clip")
        return items.only(*(one.name for one in ImportItem._meta.fields), "clip__title")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ImportItem], search_term: str
    ) -> tuple[QuerySet[ImportItem], bool]:
        """Search by the file's name and by the source, which have indexes."""
        term = search_term.strip()
        if not term:
            return queryset, False
        return queryset.filter(in_path(term) | Q(source__startswith=term)), False

    @admin.display(description=gettext_lazy("at"), ordering="pk")
    def first_at(self, item: ImportItem) -> datetime:
        """Return when the file was imported first, which increases with the key."""
        return item.at

    @admin.display(description=gettext_lazy("why it failed"))
    def why(self, item: ImportItem) -> str:
        """Return in words why a file was not imported, or else the code; empty if it was."""
        return item.detail or item.code

    @admin.display(description=gettext_lazy("recording"))
    def recording(self, item: ImportItem) -> SafeString | None:
        """Return the title of the recording with a link to it."""
        if item.clip is None:
            return None
        page = reverse("admin:retrieval_clip_change", args=[item.clip.pk])
        return format_html('<a href="{}">{}</a>', page, item.clip.title)


class _ImportList(ChangeList):
    """Counts the files of all imports of a page in one query."""

    def get_results(self, request: HttpRequest) -> None:
        """Return the imports with the outcomes of their files as `counts`."""
        super().get_results(request)
        counts = outcome_counts_of({job.source for job in self.result_list})
        for job in self.result_list:
            job.counts = counts[job.source]


@admin.register(LibraryImport)
class LibraryImportAdmin(LargeListAdmin, AppendOnlyAdmin):
    """Imports: request one and follow its state."""

    list_display = (
        "source", "state", "outcomes", failure, "requester", "created_at", "finished_at",
    )  # fmt: skip
    list_filter = ("state", ("failure_code", FilledInFilter))
    ordering = ("-pk",)
    search_fields = ("source",)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that counts."""
        return _ImportList

    def get_queryset(self, request: HttpRequest) -> QuerySet[LibraryImport]:
        """Return the imports with the present names of those who asked for them."""
        return LibraryImport.objects.annotate(requester=username_of("requested_by"))

    def get_fields(self, request: HttpRequest, obj: LibraryImport | None = None) -> Any:
        """Return the source for a new import, and also how it went for an old one."""
        return _FIELDS if obj else ["source"]

    def get_readonly_fields(self, request: HttpRequest, obj: LibraryImport | None = None) -> Any:
        """Return all fields of an old import."""
        return _FIELDS if obj else []

    @admin.display(description=gettext_lazy("asked for by"))
    def requester(self, job: LibraryImport) -> str | None:
        """Return the name of who asked for it; None for a command."""
        return getattr(job, "requester", None)

    @admin.display(description=gettext_lazy("files of this source"))
    def outcomes(self, job: LibraryImport) -> SafeString:
        """Return how many files were imported, known already, or failed, with links to them."""
        counts = getattr(job, "counts", None) or outcome_counts(job.source)
        words = _("%(imported)d imported, %(duplicate)d in the library already, %(failed)d failed")
        return format_html('<a href="{}">{}</a>', _page_of_items(job.source), words % counts)

    @admin.display(description=gettext_lazy("failed files"))
    def failures(self, job: LibraryImport) -> SafeString | str:
        """Return the first failed files with the reason of each, and a link to all of them."""
        items = failed_items(job.source, limit=_SHOWN_FAILURES)
        if not items:
            return _("none")
        rows = format_html_join(
            "",
            "<tr><td>{}</td><td>{}</td><td><code>{}</code></td></tr>",
            ((item.path, item.detail, item.code) for item in items),
        )
        return format_html(
            "<table><thead><tr><th>{}</th><th>{}</th><th>{}</th></tr></thead>"
            '<tbody>{}</tbody></table><p><a href="{}">{}</a></p>',
            _("File"),
            _("What is wrong"),
            _("Code"),
            rows,
            _page_of_items(job.source, outcome__exact=ImportItem.Outcome.FAILED),
            _("All failed files of this source"),
        )

    def save_model(
        self,
        request: HttpRequest,
        obj: LibraryImport,
        form: ModelForm[LibraryImport],
        change: bool,  # noqa: FBT001 # Django calls it by position
    ) -> None:
        """Queue the import for an ingest worker."""
        obj.pk = submit_import(obj.source, requested_by=request.user.pk).pk


def _page_of_items(source: str, **filters: str) -> str:
    query = {"source__exact": source} | filters
    return reverse("admin:retrieval_importitem_changelist", query=query)
