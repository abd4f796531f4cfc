"""How allauth works on this site."""

from __future__ import annotations

from collections.abc import Iterable

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.services.sessions import end_sessions


class AccountAdapter(DefaultAccountAdapter):
    """Sign-up and log-in."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return whether anybody may sign up."""
        return bool(settings.SOUNDSCAPE_SIGNUP == "open")


class SecondFactorAdapter(DefaultMFAAdapter):
    """Second factors."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": _(
            "This code or passkey was not accepted. A code works once and for 30 seconds: "
            "wait for the next one."
        ),
        "unverified_email": _("First verify your e-mail address, on the tab “Account”."),
    }

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Name the site in the browser's dialog of passkeys."""
        entity: dict[str, str] = super().get_public_key_credential_rp_entity()
        return entity | {"name": settings.MFA_TOTP_ISSUER}


class SessionsAdapter(DefaultUserSessionsAdapter):
    """The list of one's own sessions."""

    def end_sessions(self, sessions: Iterable[UserSession]) -> None:
        """End all other sessions, and record that."""
        end_sessions(sessions=sessions, actor_id=context.request.user.pk)
