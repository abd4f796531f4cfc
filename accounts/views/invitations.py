"""Accepting an invitation; the first operator's is printed on the terminal."""

from __future__ import annotations

from typing import Any, Final

from allauth.account.app_settings import EmailVerificationMethod
from allauth.account.utils import complete_signup
from django.conf import settings
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import Invitation
from accounts.roles import Role
from accounts.selectors.email_addresses import has_account
from accounts.selectors.invitations import (
    InvitationState,
    invitation_by_id,
    invitation_by_token,
    state_of,
)
from accounts.selectors.roles import operator_exists
from accounts.services.erasure import AccountClosedError
from accounts.services.invitations import InvitationClosedError, accept_invitation, join
from accounts.views.forms import JoinForm, TokenForm

_SESSION_KEY: Final = "invitation"

_UNKNOWN: Final = gettext_lazy(
    "There is no such invitation. Copy the whole link from the e-mail, or ask for a new one."
)
_WORDS: Final = {
    InvitationState.ACCEPTED: gettext_lazy(
        "This invitation was accepted already, and works only once. If that was you, log in."
    ),
    InvitationState.REVOKED: gettext_lazy(
        "This invitation was withdrawn, or replaced by a newer one. Look for a later e-mail, or "
        "ask whoever invited you."
    ),
    InvitationState.EXPIRED: gettext_lazy(
        "This invitation has expired. Ask whoever invited you to send it again."
    ),
    InvitationState.NEEDLESS: gettext_lazy(
        "This site has an operator already. Ask for an invitation."
    ),
}
_ACCOUNT_CLOSED: Final = gettext_lazy(
    "Your account was closed in the meantime, so it gets no roles. Ask whoever invited you."
)
_FIRST_OPERATOR_WORDS: Final = {
    InvitationState.REVOKED: gettext_lazy(
        "This token was replaced by a newer one: use the one that was printed last."
    ),
    InvitationState.EXPIRED: gettext_lazy(
        "This token has expired. Start the site again, or run `manage.py first_operator`, for a "
        "new one."
    ),
}


@require_safe
@never_cache
def invitation_link(request: HttpRequest, token: str) -> HttpResponse:
    """Open the link of an invitation.

    The invitation goes on in the session, under an address without the token: so the token is in
    no form, no log-in address and no Referer.
    """
    found = invitation_by_token(token)
    if found is None:
        return _closed(request, _UNKNOWN, status=404)
    request.session[_SESSION_KEY] = found.pk
    return redirect("accounts:invitation")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def invitation_page(request: HttpRequest) -> HttpResponse:
    """Show the invitation that was opened; accept it, or make an account with it."""
    found = invitation_by_id(request.session.get(_SESSION_KEY, 0))
    if found is None:
        return _closed(request, _UNKNOWN, status=404)
    state = state_of(found)
    if state is not InvitationState.OPEN:
        return _refused(request, found, state)
    try:
        return (
            _signed_in(request, found) if request.user.is_authenticated else _join(request, found)
        )
    except InvitationClosedError as closed:
        return _refused(request, found, closed.state)
    except Invitation.DoesNotExist:  # deleted with the account of who was invited
        return _closed(request, _UNKNOWN, status=404)
    except AccountClosedError:
        return _closed(request, _ACCOUNT_CLOSED, status=409)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def first_operator(request: HttpRequest) -> HttpResponse:
    """Ask for the token that the terminal printed."""
    if operator_exists():
        return _closed(request, _WORDS[InvitationState.NEEDLESS], status=410)
    form = TokenForm(request.POST or None)
    if form.is_valid():
        found = invitation_by_token(form.cleaned_data["token"])
        if found is not None:
            request.session[_SESSION_KEY] = found.pk
            return redirect("accounts:invitation")
        form.add_error("token", _("This is not a token of this site. Copy the whole line."))
    status = 400 if form.is_bound else 200
    return render(request, "accounts/first_operator.html", {"form": form}, status=status)


def _signed_in(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    if request.method != "POST":
        return render(request, "accounts/invitation_accept.html", _context(invitation))
    assert request.user.pk is not None
    accept_invitation(invitation_id=invitation.pk, user_id=request.user.pk)
    _welcome(request, invitation)
    return redirect(_next(invitation))


def _join(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    if invitation.email and has_account(invitation.email):
        return render(request, "accounts/invitation_log_in.html", _context(invitation))
    form = JoinForm(request.POST or None, address=invitation.email)
    if form.is_valid():
        try:
            return _make_account(request, invitation, form)
        except IntegrityError:
            form.add_error("username", _("This name or address was taken just now. Try again."))
    context = _context(invitation) | {"form": form}
    status = 400 if form.is_bound else 200
    return render(request, "accounts/invitation_join.html", context, status=status)


@transaction.atomic
def _make_account(request: HttpRequest, invitation: Invitation, form: JoinForm) -> HttpResponse:
    """Make the account and log in: also the first operator, whose address is not verified yet.

    If the e-mail that verifies it cannot be sent, nothing is made: the token still works.
    """
    user = join(
        invitation_id=invitation.pk,
        email=form.instance.email,
        username=form.cleaned_data["username"],
        password=form.cleaned_data["password"],
    )
    _welcome(request, invitation)
    answer: HttpResponse = complete_signup(
        request, user, EmailVerificationMethod.OPTIONAL, success_url=_next(invitation)
    )
    return answer


def _context(invitation: Invitation) -> dict[str, Any]:
    return {
        "invitation": invitation,
        "roles": [Role(role).label for role in invitation.roles],
        "log_in": f"{reverse('account_login')}?next={reverse('accounts:invitation')}",
    }


def _welcome(request: HttpRequest, invitation: Invitation) -> None:
    """Forget the accepted invitation and greet."""
    del request.session[_SESSION_KEY]
    names = ", ".join(str(Role(role).label) for role in invitation.roles)
    messages.success(request, _("Welcome. Your roles: %(roles)s.") % {"roles": names})


def _next(invitation: Invitation) -> str:
    """Return where an accepted invitation leads: operators have people to invite."""
    if Role.OPERATOR in invitation.roles:
        return reverse("accounts:people")
    return resolve_url(settings.LOGIN_REDIRECT_URL)


def _refused(request: HttpRequest, invitation: Invitation, state: InvitationState) -> HttpResponse:
    special = {} if invitation.email else _FIRST_OPERATOR_WORDS
    return _closed(request, special.get(state, _WORDS[state]), status=410)


def _closed(request: HttpRequest, words: Any, *, status: int) -> HttpResponse:
    return render(request, "accounts/invitation_closed.html", {"words": words}, status=status)
