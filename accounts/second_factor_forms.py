"""The forms of second factors: django-allauth's, with the site's words and refusals."""

from __future__ import annotations

import struct
from typing import Any, Final

from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base import forms as codes
from allauth.mfa.totp import forms as totp
from allauth.mfa.webauthn import forms as passkeys
from django.conf import settings
from django.core.exceptions import ValidationError
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_TOO_MANY: Final = frozenset({"too_many_login_attempts", "rate_limited"})
_UNREADABLE: Final = (AttributeError, LookupError, TypeError, ValueError, struct.error)
"""What the library of passkeys raises for data that is no passkey's."""


class _CodeForm:
    """Asks for a code; after too many wrong ones it answers 429."""

    fields: dict[str, Any]
    help: Promise = _("From your authenticator app, or one of your recovery codes.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        code = self.fields["code"]
        code.label, code.help_text = _("Code"), self.help
        code.widget.attrs.pop("placeholder")
        code.widget.attrs["inputmode"] = "numeric"

    def clean_code(self) -> str:
        """Check the code."""
        try:
            return str(super().clean_code())  # type: ignore[misc]
        except ValidationError as error:
            _refuse_if_too_many(error)
            raise


class AuthenticateForm(_CodeForm, codes.AuthenticateForm):
    """Code after the password."""

    help = _("From your authenticator app. If you have lost it, enter one of your recovery codes.")


class ReauthenticateForm(_CodeForm, codes.ReauthenticateForm):
    """Code before a change of the account's security."""


class ActivateTOTPForm(_CodeForm, totp.ActivateTOTPForm):
    """First code of a new app."""

    help = _("The six digits that the app shows now.")


class _PasskeyForm:
    """Takes what a browser says about a passkey; nonsense is a wrong passkey, not an error."""

    def clean_credential(self) -> Any:
        """Check the passkey."""
        try:
            return super().clean_credential()  # type: ignore[misc]
        except _UNREADABLE as error:
            raise get_adapter().validation_error("incorrect_code") from error
        except ValidationError as error:
            _refuse_if_too_many(error)
            raise


class AuthenticatePasskeyForm(_PasskeyForm, passkeys.AuthenticateWebAuthnForm):
    """Passkey after the password."""


class LoginPasskeyForm(_PasskeyForm, passkeys.LoginWebAuthnForm):
    """Passkey in place of the password."""


class ReauthenticatePasskeyForm(_PasskeyForm, passkeys.ReauthenticateWebAuthnForm):
    """Passkey before a change of the account's security."""


class AddPasskeyForm(passkeys.AddWebAuthnForm):
    """A new passkey."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name, alone = self.fields["name"], self.fields["passwordless"]
        name.label = _("Name")
        name.help_text = _("So that you can tell it from your other ones.")
        alone.label = _("Opens my account alone, without the password")
        alone.help_text = _("It must then ask for a fingerprint, face or PIN. Old keys cannot.")
        alone.initial = True

    def clean(self) -> dict[str, Any]:
        """Check the passkey."""
        try:
            return dict(super().clean())
        except _UNREADABLE as error:
            raise get_adapter().validation_error("incorrect_code") from error


def _refuse_if_too_many(error: ValidationError) -> None:
    if getattr(error, "code", None) in _TOO_MANY:
        minutes = settings.SOUNDSCAPE_FAILED_LOGINS_MINUTES
        page = render(context.request, "mfa/429.html", {"minutes": minutes}, status=429)
        page["Retry-After"] = str(minutes * 60)
        raise ImmediateHttpResponse(page) from error
