"""Receive photos and zip files for a photo set."""

from __future__ import annotations

import io
import logging
from pathlib import PurePosixPath
from typing import Final

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile as SentFile
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from labelling.models import PhotoSet
from labelling.selectors.photo_sets import photo_set_with_key
from labelling.services.photo_files import CREDITS_FILE, LISTING_FILE, MOST_FILES, is_photo_name
from labelling.services.photo_import_jobs import UploadedFile
from labelling.submission import submit_photo_imports
from labelling.views.access import lead_required
from labelling.views.photo_set_forms import PhotoCreditForm
from labelling.views.photo_sets import MOST_FILES_SENT, photo_set_page
from retrieval.decoding.configured_limits import photo_limits
from retrieval.storage.content_store import StorageError
from retrieval.views.problems import Problem, problem

logger = logging.getLogger(__name__)

_TABLES: Final = (CREDITS_FILE, LISTING_FILE)


@require_POST
@lead_required
def photo_set_upload(request: HttpRequest, photo_set_id: int) -> HttpResponse:
    """Receive photos, a folder, or zip files, which a worker then adds to the set.

    A script sends many files in several requests, each with `part`, and their folders as `paths`.
    """
    found = photo_set_with_key(photo_set_id)
    if found is None or found.source != PhotoSet.Source.IMPORTED:
        raise Http404(f"there is no set {photo_set_id} of imported photos")
    form = PhotoCreditForm(request.POST)
    files = _files(request)
    if not any(file.is_archive or is_photo_name(path=file.path) for file in files):
        form.add_error(None, _("Choose photos, a folder of photos, or a zip file first."))
    if not form.is_valid():
        return _refused(request, found, form, status=422)
    try:
        submit_photo_imports(
            photo_set_id=found.pk, files=files, credit=form.credit, requested_by=request.user.pk
        )
    except PhotoSet.DoesNotExist as error:
        raise Http404(f"photo set {photo_set_id} was deleted meanwhile") from error
    except StorageError as error:
        logger.error("%s: %s", error.code, error)
        reason = problem(error.code, str(error))
        form.add_error(None, f"{reason.title}. {reason.detail}")
        return _refused(request, found, form, status=reason.status)
    if "part" in request.POST:
        return HttpResponse(status=204)
    messages.success(request, _("Your photos have arrived. They are added in the background."))
    return HttpResponseRedirect(reverse("labelling:photo_set", args=[found.pk]), status=303)


def _refused(
    request: HttpRequest, found: PhotoSet, form: PhotoCreditForm, *, status: int
) -> HttpResponse:
    """Show the form with its errors; tell a script the first one."""
    if "part" not in request.POST:
        return photo_set_page(request, found, form, status=status)
    (first, *_rest), *_others = form.errors.values()
    return JsonResponse({"detail": str(first)}, status=status)


def upload_refused(request: HttpRequest, refusal: Problem) -> HttpResponse:
    """Say that a request was too large or not readable; the session is not known yet.

    `FormGuardMiddleware` asks for this.
    """
    words = refusal.detail
    if refusal.code in ("file_too_large", "too_many_files"):
        words = _(
            "One request takes {megabytes} MB and {files} files. Allow scripts, which send many "
            "photos one after the other, or run `manage.py import_photos FOLDER --set NAME` on the "
            "server, which takes up to {most} at once."
        ).format(
            megabytes=number_format(photo_limits().max_megabytes),
            files=MOST_FILES_SENT,
            most=number_format(MOST_FILES),
        )
    context = {"refusal": refusal, "words": words, "back": request.path.removesuffix("upload/")}
    return render(request, "labelling/upload_refused.html", context, status=refusal.status)


photo_set_upload.refused = upload_refused  # type: ignore[attr-defined]


def _files(request: HttpRequest) -> list[UploadedFile]:
    """Return the files that can be used: photos, zip files and the table of credits."""
    sent: list[SentFile[bytes]] = [file for file in request.FILES.getlist("files") if file]
    paths = request.POST.getlist("paths")
    names = paths if len(paths) == len(sent) else [str(file.name) for file in sent]
    files = [UploadedFile(name, file) for name, file in zip(names, sent, strict=True)]
    usable = [
        file
        for file in files
        if file.is_archive
        or is_photo_name(path=file.path)
        or PurePosixPath(file.path).name in _TABLES
    ]
    if "part" not in request.POST and any(file.path == CREDITS_FILE for file in usable):
        usable.append(UploadedFile(LISTING_FILE, io.BytesIO()))  # there are no other photos
    return usable
