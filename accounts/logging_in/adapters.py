"""How django-allauth works on this site."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.internal import ratelimit
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.db import Error as DatabaseOrConnectionError
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.client_address import address_network, client_address
from accounts.models import User
from accounts.selectors.second_factors import passkey_count
from accounts.services.email_addresses import drop_claims
from accounts.services.erasure import AccountClosedError, lock_account
from accounts.services.sessions import end_sessions

_LOGIN_FAILED: Final = _(
    "This name or address and this password do not belong together. Check both, or choose a new "
    "password."
)

_WAYS_TO_CONFIRM: Final = {
    "reauthenticate": _("With the password"),
    "mfa_reauthenticate": _("With a code"),
    "mfa_reauthenticate:webauthn": _("With a passkey"),
}


class AccountAdapter(DefaultAccountAdapter):
    """Sign-up, log-in and their limits."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": _LOGIN_FAILED,
        "email_password_mismatch": _LOGIN_FAILED,
        "incorrect_password": _("This is not your password."),
        "enter_current_password": _("This is not your current password."),
        "duplicate_email": _("This is your address already."),
        "username_taken": _("This name is taken. Choose another one."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return whether anybody may sign up."""
        return bool(settings.SOUNDSCAPE_SIGNUP == "open")

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the client's address by the site's policy."""
        return client_address(request)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Answer 429 after too many failed log-ins."""
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError as error:
            page = too_many_failures(request, "429_log_in.html")
            raise ImmediateHttpResponse(page) from error

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        """Check the password; an attempt that an outage interrupts does not count as failed."""
        try:
            return super().authenticate(request, **credentials)
        except DatabaseOrConnectionError:
            self._rollback_login_failed_rl_usage()
            raise

    def login(self, request: HttpRequest, user: User) -> None:
        """Log in, unless the account was closed since the password was entered."""
        try:
            with transaction.atomic():
                lock_account(user_id=user.pk)
                super().login(request, user)
        except AccountClosedError as error:
            raise ImmediateHttpResponse(self.respond_user_inactive(request, user)) from error

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Count failures by name and network: nobody can lock out somebody elsewhere."""
        network = address_network(client_address(request), ipv4_bits=32, ipv6_bits=64)
        name = super()._get_login_attempts_cache_key(request, **credentials)
        return f"{name}:{network}"

    def _delete_login_attempts_cached_email(self, request: HttpRequest, **credentials: Any) -> None:
        """Forget a name's failures after a reset, but not all those of the network.

        Otherwise, resetting one's own password would lift the limit on guessing those of others.
        """
        ratelimit.clear(
            request,
            app="allauth.account",
            action="login_failed",
            config={"login_failed": settings.SOUNDSCAPE_FAILED_LOGINS_OF_NAME},
            key=self._get_login_attempts_cache_key(request, **credentials),
        )

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Confirm an address in one transaction, for one account only."""
        try:
            with transaction.atomic():
                confirmed = bool(super().confirm_email(request, email_address))
                if confirmed:
                    drop_claims(email=email_address.email)
                return confirmed
        except IntegrityError:  # another account confirmed the same address meanwhile
            self.add_message(
                request,
                messages.ERROR,
                "account/messages/email_confirmation_failed.txt",
                {"email": email_address.email},
            )
            return False

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send an e-mail; say where it is if this site prints its e-mails."""
        super().send_mail(template_prefix, email, context)
        if settings.EMAIL_BACKEND == "django.core.mail.backends.console.EmailBackend":
            printed = _("This site prints its e-mails: see the end of var/log/web.log.")
            self.add_message(self.request, messages.INFO, message=str(printed))

    def get_reauthentication_methods(self, user: User | AnonymousUser) -> list[dict[str, Any]]:
        """Return the ways to confirm who one is, in the site's words."""
        ways = super().get_reauthentication_methods(user)
        return [way | {"description": _WAYS_TO_CONFIRM[way["id"]]} for way in ways]


def too_many_failures(request: HttpRequest, template: str) -> HttpResponse:
    """Answer 429 with the time after which the limit that was reached has passed for certain."""
    of_address = {"login_failed": settings.SOUNDSCAPE_FAILED_LOGINS_OF_ADDRESS}
    address_may_try = ratelimit.consume(
        request, app="allauth.account", action="login_failed", config=of_address, dry_run=True
    )
    minutes = (
        settings.SOUNDSCAPE_FAILED_LOGINS_MINUTES
        if address_may_try
        else settings.SOUNDSCAPE_FAILED_LOGINS_OF_ADDRESS_MINUTES
    )
    page = render(request, template, {"minutes": minutes}, status=429)
    page["Retry-After"] = str(minutes * 60)
    return page


class SecondFactorAdapter(DefaultMFAAdapter):
    """Second factors."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": _(
            "This code or passkey was not accepted. A code works once and for 30 seconds: "
            "wait for the next one."
        ),
        "unverified_email": _("First verify your e-mail address, on the tab “Account”."),
    }

    def generate_authenticator_name(self, user: User, type: str) -> str:  # noqa: A002 # its name
        """Return a name for a new passkey."""
        return gettext("Passkey %(number)d") % {"number": passkey_count(user.pk) + 1}

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Name the site in the browser's dialog of passkeys."""
        entity: dict[str, str] = super().get_public_key_credential_rp_entity()
        return entity | {"name": settings.MFA_TOTP_ISSUER}


class SessionsAdapter(DefaultUserSessionsAdapter):
    """The list of one's own sessions."""

    def end_sessions(self, sessions: Iterable[UserSession]) -> None:
        """End all other sessions, and record that."""
        end_sessions(sessions=sessions, actor_id=context.request.user.pk)
