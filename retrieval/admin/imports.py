"""Imports in the admin: request one, follow its state, see which files failed and why."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.admin.read_only import AppendOnlyAdmin, ReadOnlyAdmin
from retrieval.models import ImportItem, LibraryImport
from retrieval.selectors.imports import failed_items, outcome_counts
from retrieval.submission import submit_import

_SHOWN_FAILURES: Final = 50
_FIELDS: Final = [
    "source", "state", "created_at", "started_at", "finished_at", "failure_code", "failure_detail",
    "outcomes", "failures",
]  # fmt: skip


@admin.register(ImportItem)
class ImportItemAdmin(ReadOnlyAdmin):
    """The result of each imported file."""

    list_display = ("path", "outcome", "code", "detail", "clip", "at")
    list_filter = ("outcome", "code")
    list_select_related = ("clip",)
    search_fields = ("path", "source")


@admin.register(LibraryImport)
class LibraryImportAdmin(AppendOnlyAdmin):
    """Imports: request one and follow its state."""

    list_display = ("source", "state", "failure_code", "created_at", "finished_at")

    def get_fields(self, request: HttpRequest, obj: LibraryImport | None = None) -> Any:
        """Return the source for a new import, and also how it went for an old one."""
        return _FIELDS if obj else ["source"]

    def get_readonly_fields(
        self, request: HttpRequest, obj: LibraryImport | None = None
    ) -> list[str]:
        """Return all fields of an old import."""
        return _FIELDS if obj else []

    @admin.display(description=gettext_lazy("files of this source"))
    def outcomes(self, job: LibraryImport) -> str:
        """Return how many files were imported, known already, or failed."""
        return _(
            "%(imported)d imported, %(duplicate)d in the library already, %(failed)d failed"
        ) % (outcome_counts(job.source))

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
        query = {"source__exact": job.source, "outcome__exact": ImportItem.Outcome.FAILED}
        return format_html(
            "<table><thead><tr><th>{}</th><th>{}</th><th>{}</th></tr></thead>"
            '<tbody>{}</tbody></table><p><a href="{}">{}</a></p>',
            _("File"),
            _("What is wrong"),
            _("Code"),
            rows,
            reverse("admin:retrieval_importitem_changelist", query=query),
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
