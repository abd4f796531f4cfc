"""The words of imports of photos that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

from labelling.models import PhotoImport, PhotoImportItem
from retrieval.models import JobState
from retrieval.views.problems import Problem, problem

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_ITEMS: Final[dict[str, tuple[StrOrPromise, StrOrPromise]]] = {
    "file_too_large": (_("This photo is too large"), ""),
    "file_missing": (_("There is no such photo"), _("The file photos.csv names it.")),
    "entry_encrypted": (
        _("It is protected by a password"),
        _("Pack the zip file without a password."),
    ),
    "entry_unsupported": (
        _("It is packed by a method that we cannot read"),
        _("Pack the zip file by the usual method, “deflate”."),
    ),
    "entry_damaged": (
        _("It is damaged in the zip file"),
        _("Pack the zip file once more."),
    ),
    "licence_unknown": (_("The licence in photos.csv is unknown"), ""),
    "author_invalid": (_("The author in photos.csv cannot be used"), ""),
    "source_url_invalid": (_("The address in photos.csv cannot be used"), ""),
    "row_has_extra_fields": (_("Its row in photos.csv has too many cells"), _("Quote commas.")),
    "path_twice": (_("The file photos.csv names it more than once"), _("Keep one of its rows.")),
}
_IMPORTS: Final[dict[str, tuple[StrOrPromise, StrOrPromise]]] = {
    "archive_invalid": (
        _("This is not a zip file"),
        _("Or it is damaged. Pack it once more, or choose the photos themselves."),
    ),
    "archive_missing": (_("The file is gone"), _("Send it once more.")),
    "too_many_photos": (_("There are too many photos in this zip file"), ""),
    "manifest_invalid": (_("The file photos.csv cannot be used"), ""),
    "poison": (
        _("The import did not end"),
        _("Several attempts failed. Send the photos that are missing once more."),
    ),
}


def failure_of(item: PhotoImportItem) -> Problem:
    """Return why a photo could not be added."""
    return _words(_ITEMS, item.code, item.detail) or problem(item.code, item.detail)


def failure_of_import(job: PhotoImport) -> Problem | None:
    """Return why an import failed, if it did."""
    if job.state != JobState.FAILED:
        return None
    return _words(_IMPORTS, job.failure_code, job.failure_detail) or problem(
        job.failure_code, job.failure_detail
    )


def _words(
    known: dict[str, tuple[StrOrPromise, StrOrPromise]], code: str, detail: str
) -> Problem | None:
    """Return a problem; an empty sentence is replaced by the error's own detail."""
    if code not in known:
        return None
    title, sentence = known[code]
    return Problem(code, 422, str(title), str(sentence) or detail)
