"""The links that e-mails carry; their pages say what is wrong with one that does not work."""

from __future__ import annotations

import datetime as dt
from typing import Any

from allauth.account import app_settings, views
from allauth.core.exceptions import ImmediateHttpResponse
from django.conf import settings
from django.core import signing
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.http import base36_to_int

from accounts.selectors.email_addresses import address_is_confirmed
from accounts.services.erasure import AccountClosedError, lock_account
from accounts.views.transactions import in_one_transaction

_TOKENS_COUNT_FROM = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)  # the seconds in Django's reset tokens


@method_decorator(in_one_transaction, name="dispatch")
class ConfirmEmailView(views.ConfirmEmailView):
    """Confirms an e-mail address; a link that is no longer valid gets a page, not a 404."""

    def post(self, *args: Any, **kwargs: Any) -> HttpResponse:
        """Confirm; answer a second click as a used link."""
        try:
            answer: HttpResponse = super().post(*args, **kwargs)
        except Http404:
            answer = self.get(*args, **kwargs)
        return answer

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the fault of the link."""
        fault = "" if self.object else _fault_of_confirmation(self.kwargs["key"])
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return context | {"fault": fault}


@method_decorator(in_one_transaction, name="dispatch")
class PasswordResetFromKeyView(views.PasswordResetFromKeyView):
    """Sets a new password, but not of an account that was deactivated after the e-mail."""

    def get_form_kwargs(self) -> dict[str, Any]:
        """Lock the account; answer with the page of inactive accounts if it was closed."""
        kwargs: dict[str, Any] = super().get_form_kwargs()
        user = kwargs["user"]  # None if the link does not work
        if user is not None:
            try:
                lock_account(user_id=user.pk)
            except AccountClosedError as error:
                raise ImmediateHttpResponse(redirect("account_inactive")) from error
        return kwargs

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add whether the link is too old; else it was used or replaced."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return context | {"expired": _is_expired(self.key)}


def _fault_of_confirmation(key: str) -> str:
    max_age = dt.timedelta(days=app_settings.EMAIL_CONFIRMATION_EXPIRE_DAYS)
    try:
        address_id = signing.loads(key, salt=app_settings.SALT, max_age=max_age)
    except signing.SignatureExpired:
        return "expired"
    except signing.BadSignature:
        return "broken"
    return "used" if address_is_confirmed(address_id) else "replaced"


def _is_expired(token: str) -> bool:
    made_after, dash, _ = token.partition("-")
    if not dash:
        return False
    try:
        made_at = _TOKENS_COUNT_FROM + dt.timedelta(seconds=base36_to_int(made_after))
    except (ValueError, OverflowError):
        return False
    return timezone.now() - made_at > dt.timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)
