"""The page of people: roles, accounts, invitations. For operators."""

from __future__ import annotations

import logging
import smtplib
from collections.abc import Callable
from typing import Any, Final

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ObjectDoesNotExist
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Invitation, User
from accounts.roles import Role
from accounts.selectors.invitations import InvitationState, open_invitations, state_of
from accounts.selectors.people import Order, people
from accounts.selectors.roles import held_roles
from accounts.services import invitations, roles
from accounts.services.operators import LastOperatorError
from accounts.views.access import operator_required
from accounts.views.forms import InviteForm, RolesForm

logger = logging.getLogger(__name__)

PER_PAGE: Final = 50


@require_safe
@never_cache
@operator_required
def people_page(request: HttpRequest) -> HttpResponse:
    """Show the accounts and the open invitations."""
    return _page(request)


@require_POST
@operator_required
def person_roles(request: HttpRequest, user_id: int) -> HttpResponse:
    """Give a person exactly the chosen roles."""
    form = RolesForm(request.POST)
    if not form.is_valid():
        return _refuse(request, _("One of these roles does not exist. Choose again."), status=400)
    chosen, shown = ({*form.cleaned_data[name]} for name in ("roles", "shown"))
    leaves = user_id == request.user.pk and Role.OPERATOR not in chosen
    return _answer(
        request,
        lambda: roles.set_roles(
            user_id=user_id, roles=chosen, shown=shown, actor_id=_actor(request)
        ),
        done=_("The roles are changed."),
        to=settings.LOGIN_REDIRECT_URL if leaves else None,
    )


@require_POST
@operator_required
def person_active(request: HttpRequest, user_id: int) -> HttpResponse:
    """Reactivate an account (`active=yes`) or deactivate it (`active=no`)."""
    active = {"yes": True, "no": False}.get(request.POST.get("active", ""))
    if active is None:
        return _refuse(request, _("Choose whether the account is to be active."), status=400)
    return _answer(
        request,
        lambda: roles.set_active(user_id=user_id, active=active, actor_id=_actor(request)),
        done=_("The account is active again.") if active else _("The account is deactivated."),
    )


@require_POST
@operator_required
def invite(request: HttpRequest) -> HttpResponse:
    """Send an invitation."""
    form = InviteForm(request.POST)
    if not form.is_valid():
        return _page(request, invite_form=form, status=400)
    email, chosen = form.cleaned_data["email"], {*form.cleaned_data["roles"]}
    return _answer(
        request,
        lambda: _send(
            request, *invitations.invite(email=email, roles=chosen, actor_id=_actor(request))
        ),
        done=_("The invitation to %(email)s is sent.") % {"email": email},
    )


@require_POST
@operator_required
def invitation_again(request: HttpRequest, invitation_id: int) -> HttpResponse:
    """Send a new link; the earlier one stops working."""
    return _answer(
        request,
        lambda: _send(
            request,
            *invitations.invite_again(invitation_id=invitation_id, actor_id=_actor(request)),
        ),
        done=_("A new link is sent. The earlier one no longer works."),
    )


@require_POST
@operator_required
def invitation_revoke(request: HttpRequest, invitation_id: int) -> HttpResponse:
    """Revoke an invitation."""
    return _answer(
        request,
        lambda: invitations.revoke(invitation_id=invitation_id, actor_id=_actor(request)),
        done=_("The invitation is revoked; its link no longer works."),
    )


def _answer(
    request: HttpRequest, act: Callable[[], object], *, done: str, to: str | None = None
) -> HttpResponse:
    """Act and return to the list, or show the list with the reason of the refusal."""
    try:
        act()
    except ObjectDoesNotExist as error:
        raise Http404(str(error)) from error
    except LastOperatorError as error:
        return _refuse(
            request,
            _(
                "Nothing was changed: %(name)s is the last operator. "
                "Make somebody else an operator first."
            )
            % {"name": error},
            status=409,
        )
    except smtplib.SMTPException as error:
        logger.warning("an invitation was not sent: %s", error)
        return _refuse(
            request,
            _(
                "The mail server did not accept the invitation, so it is revoked. Check the "
                "address, and invite the person again later."
            ),
            status=503,
        )
    except roles.RolesChangedError as error:
        return _refuse(
            request,
            _(
                "Nothing was changed: somebody else changed the roles of %(name)s in the "
                "meantime. The list shows them now."
            )
            % {"name": error},
            status=409,
        )
    except invitations.InvitationClosedError as error:
        accepted = error.state is InvitationState.ACCEPTED
        return _refuse(
            request,
            _("Nothing was changed: the invitation was accepted in the meantime.")
            if accepted
            else _("Nothing was changed: the invitation was already revoked or replaced."),
            status=409,
        )
    messages.success(request, done)
    return redirect(to or reverse("accounts:people", query=request.GET))


def _refuse(request: HttpRequest, words: str, *, status: int) -> HttpResponse:
    messages.error(request, words)
    return _page(request, status=status)


def _page(
    request: HttpRequest, *, invite_form: InviteForm | None = None, status: int = 200
) -> HttpResponse:
    search = request.GET.get("q", "").replace("\0", "").strip()  # PostgreSQL stores no NUL
    order = Order.LAST_LOGIN if request.GET.get("sort") == Order.LAST_LOGIN else Order.NAME
    page = Paginator(people(search=search, order=order), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "people": [_row(person) for person in page],
        "search": search,
        "order": order,
        "invitations": [
            (invitation, _role_names(invitation), state_of(invitation) is InvitationState.EXPIRED)
            for invitation in open_invitations()
        ],
        "invite_form": invite_form or InviteForm(),
    }
    return render(request, "accounts/people.html", context, status=status)


def _row(person: User) -> dict[str, Any]:
    held = held_roles(person)
    return {"person": person, "roles": [(role, role in held) for role in Role]}


def _role_names(invitation: Invitation) -> list[str]:
    return [str(Role(role).label) for role in invitation.roles]


def _send(request: HttpRequest, invitation: Invitation, token: str) -> None:
    """E-mail the link of an invitation; revoke it if that fails.

    Not in one transaction: a slow mail server would hold its locks.
    """
    path = reverse("accounts:invitation_link", args=[token])
    context = {
        "link": request.build_absolute_uri(path),
        "inviter": request.user,
        "invitation": invitation,
        "roles": _role_names(invitation),
    }
    try:
        get_adapter(request).send_mail("accounts/email/invitation", invitation.email, context)
    except smtplib.SMTPException:
        invitations.revoke(invitation_id=invitation.pk, actor_id=_actor(request))
        raise


def _actor(request: HttpRequest) -> int:
    assert request.user.pk is not None
    return request.user.pk
