"""Pages of photo sets, for lead reviewers."""

from __future__ import annotations

import logging
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from labelling.models import PhotoSet, SetPhoto
from labelling.selectors.photo_sets import (
    campaign_count,
    failed_items,
    import_rows,
    pending_import_count,
    photo_set_counts,
    photo_set_rows,
    photo_set_with_key,
    photos_page,
)
from labelling.services.errors import PhotoSetInUseError
from labelling.services.photo_files import PHOTO_SUFFIXES
from labelling.services.photo_sets import (
    delete_photo_set,
    make_photo_set,
    refresh_visitors_set,
    remove_photo,
)
from labelling.views.access import lead_required
from labelling.views.photo_set_forms import PhotoCreditForm, PhotoSetForm
from labelling.views.photo_set_words import failure_of, failure_of_import
from retrieval.catalogue.licences import LICENCES
from retrieval.decoding.configured_limits import photo_limits
from retrieval.jobs.worker_signs import worker_alive

logger = logging.getLogger(__name__)

_PAGE_SIZE: Final = 48
_IMPORTS_SHOWN: Final = 10
_FAILURES_SHOWN: Final = 100
_DELETING_S: Final = 2.0
MOST_FILES_SENT: Final = 50
"""Files in one request; a script sends more of them in several."""


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@lead_required
def photo_sets(request: HttpRequest) -> HttpResponse:
    """Show the photo sets, and make one."""
    if request.method != "POST":
        return _sets_page(request, PhotoSetForm())
    form = PhotoSetForm(request.POST)
    if form.is_valid():
        try:
            made = make_photo_set(made_by=request.user.pk, **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return _to_set(made.pk)
    return _sets_page(request, form, status=422)


@require_safe
@never_cache
@lead_required
def photo_set(request: HttpRequest, photo_set_id: int) -> HttpResponse:
    """Show a set with its photos."""
    return photo_set_page(request, _set_or_404(photo_set_id), PhotoCreditForm())


@require_safe
@never_cache
@lead_required
def photo_set_progress(request: HttpRequest, photo_set_id: int) -> HttpResponse:
    """Show how far the imports are; while photos are expected, the answer asks again."""
    found = _set_or_404(photo_set_id)
    return render(request, "labelling/_photo_set_progress.html", _progress(found))


@require_POST
@lead_required
def photo_remove(request: HttpRequest, photo_set_id: int, photo_id: int) -> HttpResponse:
    """Remove a photo from its set."""
    try:
        remove_photo(photo_set_id=photo_set_id, photo_id=photo_id, actor_id=request.user.pk)
    except SetPhoto.DoesNotExist as error:
        raise Http404(f"photo set {photo_set_id} has no photo {photo_id}") from error
    messages.success(request, _("The photo is removed."))
    return _to_set(photo_set_id)


@require_POST
@lead_required
def photo_set_refresh(request: HttpRequest, photo_set_id: int) -> HttpResponse:
    """Add visitors' photos that may be judged now."""
    try:
        added = refresh_visitors_set(photo_set_id=photo_set_id, actor_id=request.user.pk)
    except PhotoSet.DoesNotExist as error:
        raise Http404(f"there is no set {photo_set_id} of visitors' photos") from error
    words = ngettext("{number} photo is added.", "{number} photos are added.", added)
    messages.success(request, words.format(number=added))
    return _to_set(photo_set_id)


@require_POST
@lead_required
def photo_set_delete(request: HttpRequest, photo_set_id: int) -> HttpResponse:
    """Delete a set with its imported photos, for some seconds; a script then asks to go on."""
    found = _set_or_404(photo_set_id)
    photos = _photos_at_start(request, found)
    try:
        is_deleted = delete_photo_set(
            photo_set_id=photo_set_id, actor_id=request.user.pk, longest_s=_DELETING_S
        )
    except PhotoSet.DoesNotExist as error:
        raise Http404(f"there is no photo set {photo_set_id}") from error
    except PhotoSetInUseError:
        messages.error(request, _words_in_use(photos - photo_set_counts(found).photos))
        return _next_page(request, reverse("labelling:photo_set", args=[photo_set_id]))
    if is_deleted:
        messages.success(request, _("The set is deleted."))
        return _next_page(request, reverse("labelling:photo_sets"))
    return _half_deleted(request, found, photos)


def _photos_at_start(request: HttpRequest, found: PhotoSet) -> int:
    """Return how many photos the set had when its deletion began, which the script repeats."""
    said = request.POST.get("photos", "")
    return int(said) if said.isdecimal() and len(said) < 10 else photo_set_counts(found).photos


def _words_in_use(deleted: int) -> str:
    if deleted <= 0:
        return _("A campaign uses this set, so it stays.")
    words = ngettext(
        "A campaign uses this set now, so what is left of it stays. {number} photo was deleted.",
        "A campaign uses this set now, so what is left of it stays. {number} photos were deleted.",
        deleted,
    )
    return words.format(number=number_format(deleted))


def _half_deleted(request: HttpRequest, found: PhotoSet, photos: int) -> HttpResponse:
    """Say how many photos are left; htmx goes on by itself."""
    left = photo_set_counts(found).photos
    if HtmxDetails(request):
        context = {"photo_set": found, "left": left, "photos": photos}
        return render(request, "labelling/_photo_set_deleting.html", context)
    words = ngettext(
        "{number} photo is left. Delete again to go on.",
        "{number} photos are left. Delete again to go on.",
        left,
    )
    messages.error(request, words.format(number=number_format(left)))
    return _to_set(found.pk)


def photo_set_page(
    request: HttpRequest, found: PhotoSet, form: PhotoCreditForm, *, status: int = 200
) -> HttpResponse:
    """Return the page of a set; `form` may be one with errors."""
    after = request.GET.get("after", "")
    first = int(after) if after.isascii() and after.isdigit() and len(after) < 19 else 0
    photos, end = photos_page(found, after=first, size=_PAGE_SIZE)
    limits = photo_limits()
    context = _progress(found) | {
        "form": form,
        "photos": [_shown(photo) for photo in photos],
        "is_first": first == 0,
        "end": end,
        "campaigns": campaign_count(found.pk),
        "limits": limits,
        "most_files": MOST_FILES_SENT,
        "suffixes": " ".join(sorted(PHOTO_SUFFIXES)),
    }
    return render(request, "labelling/photo_set.html", context, status=status)


def _set_or_404(photo_set_id: int) -> PhotoSet:
    found = photo_set_with_key(photo_set_id)
    if found is None:
        raise Http404(f"there is no photo set {photo_set_id}")
    return found


def _sets_page(request: HttpRequest, form: PhotoSetForm, *, status: int = 200) -> HttpResponse:
    context = {"tab": "photo_sets", "rows": photo_set_rows(), "form": form}
    return render(request, "labelling/photo_sets.html", context, status=status)


def _progress(found: PhotoSet) -> dict[str, Any]:
    """Return what changes while photos are imported and matched."""
    rows = import_rows(found.pk, limit=_IMPORTS_SHOWN)
    failed = failed_items([row.job.pk for row in rows], limit=_FAILURES_SHOWN)
    counts = photo_set_counts(found)
    importing = pending_import_count(found.pk)
    pending = importing > 0 or counts.waiting > 0
    return {
        "tab": "photo_sets",
        "photo_set": found,
        "imported": found.source == PhotoSet.Source.IMPORTED,
        "imports": [{"row": row, "failure": failure_of_import(row.job)} for row in rows],
        "failures": [{"path": item.path, "problem": failure_of(item)} for item in failed],
        "counts": counts,
        "importing": importing,
        "more_imports": importing - sum(row.is_pending for row in rows),
        "pending": pending,
        "worker_alive": worker_alive() if pending else True,
    }


def _shown(photo: SetPhoto) -> dict[str, Any]:
    return {"photo": photo, "scene": photo.scene, "licence": LICENCES[photo.license]}


def _next_page(request: HttpRequest, address: str) -> HttpResponse:
    if HtmxDetails(request):
        return HttpResponseClientRedirect(address)
    return HttpResponseRedirect(address, status=303)


def _to_set(photo_set_id: int) -> HttpResponse:
    return HttpResponseRedirect(reverse("labelling:photo_set", args=[photo_set_id]), status=303)
