"""My page: the export of a person's data, and the erasure of the account."""

from __future__ import annotations

from typing import Any, Final

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth import logout
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.services.erasure import AccountClosedError
from accounts.services.operators import LastOperatorError
from retrieval.models import JobState
from retrieval.selectors.deletion import owned_scene_count
from retrieval.selectors.exports import (
    EXPORT_KEPT_FOR,
    EXPORT_RENEWED_AFTER,
    finished_export,
    has_recent_export,
    newest_export,
)
from retrieval.services.erasure import continue_erasure, request_erasure
from retrieval.services.exporting import ExportRecentError
from retrieval.submission import submit_export
from retrieval.views.media import stored_file
from retrieval.views.signed_in import signed_in

_PENDING: Final = frozenset({JobState.QUEUED, JobState.PROCESSING})


@require_safe
@never_cache
@signed_in
def my_data(request: HttpRequest, *, user_id: int) -> HttpResponse:
    """Show the state of the export, and what erasing the account means."""
    context = _export_context(user_id) | {
        "me": "data",
        "photos": owned_scene_count(user_id),
        "kept_days": EXPORT_KEPT_FOR.days,
    }
    return render(request, "me/data.html", context)


@require_safe
@never_cache
@signed_in
def export_progress(request: HttpRequest, *, user_id: int) -> HttpResponse:
    """Show the state of the export; while it is pending, the answer asks again."""
    return render(request, "me/_export.html", _export_context(user_id))


@require_POST
@signed_in
def export_create(request: HttpRequest, *, user_id: int) -> HttpResponse:
    """Request an export."""
    try:
        submit_export(user_id=user_id)
    except ExportRecentError:
        messages.error(request, _("Your file is new: download it. Make another one later."))
    except AccountClosedError:  # in this moment: the next page asks to log in
        logout(request)
    return redirect("retrieval:my_data")


@require_safe
@signed_in
def export_file(request: HttpRequest, *, user_id: int, export_id: int) -> HttpResponseBase:
    """Send the file of an export to the person whose data it holds."""
    export = finished_export(user_id, export_id)
    if export is None or export.finished_at is None:
        raise Http404(f"user {user_id} has no export {export_id}")
    response = stored_file(
        request,
        str(export.file.name),
        media_type="application/zip",
        etag=str(export.pk),
        cache_control="private, no-store",
    )
    file_name = f"soundscape-{request.user.get_username()}-{export.finished_at:%Y-%m-%d}.zip"
    response["Content-Disposition"] = content_disposition_header(
        as_attachment=True, filename=file_name
    )
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@signed_in
@reauthentication_required  # type: ignore[untyped-decorator] # allauth has no types
def erase(request: HttpRequest, *, user_id: int) -> HttpResponse:
    """Ask for the name, then erase the account."""
    context: dict[str, Any] = {"me": "data", "photos": owned_scene_count(user_id)}
    if request.method != "POST":
        return render(request, "me/erase.html", context)
    if request.POST.get("name", "").strip() != request.user.get_username():
        context["error"] = _("This is not your name. Nothing was erased.")
        return render(request, "me/erase.html", context, status=422)
    try:
        request_erasure(user_id=user_id, actor_id=user_id)
    except LastOperatorError:
        messages.error(
            request,
            _("You are the only operator. Make somebody else an operator first."),
        )
        return redirect("retrieval:my_data")
    logout(request)
    continue_erasure(user_id=user_id)
    return redirect("retrieval:erased")


@require_safe
def erased(request: HttpRequest) -> HttpResponse:
    """Say that the account is erased, to a visitor whose log-in ended with it."""
    if request.user.is_authenticated:
        return redirect("retrieval:front")
    return render(request, "me/erased.html")


def _export_context(user_id: int) -> dict[str, Any]:
    export = newest_export(user_id)
    finished_at = export.finished_at if export else None
    return {
        "export": export,
        "pending": export is not None and export.state in _PENDING,
        "is_recent": has_recent_export(user_id),
        "renewable_at": finished_at + EXPORT_RENEWED_AFTER if finished_at else None,
        "expires_at": finished_at + EXPORT_KEPT_FOR if finished_at else None,
    }
