"""End one of one's own sessions; allauth lists them and ends all others."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.selectors.sessions import own_session
from accounts.services.sessions import end_sessions


@login_required
@require_POST
def session_end(request: HttpRequest, session_id: int) -> HttpResponse:
    """End a session; the one that asks is ended by logging out."""
    session = own_session(user_id=request.user.pk, session_id=session_id)
    if session is None:
        raise Http404
    if session.is_current():
        return redirect("account_logout")
    end_sessions(sessions=[session], actor_id=request.user.pk)
    messages.success(request, _("That session has ended."))
    return redirect("usersessions_list")
