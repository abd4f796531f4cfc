"""The forms of second factors: django-allauth's, with the site's words and refusals."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.internal import ratelimit
from allauth.mfa import signals
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base import forms as codes
from allauth.mfa.models import Authenticator
from allauth.mfa.totp import forms as totp
from allauth.mfa.webauthn import forms as passkeys
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.client_address import address_network, client_address
from accounts.logging_in.adapters import too_many_failures
from accounts.models import User

_CREDENTIAL_MAX_CHARACTERS: Final = 32_768  # an attestation with its certificates takes a few 1000
_TOO_MANY: Final = frozenset({"too_many_login_attempts", "rate_limited"})
_UNREADABLE: Final = (AttributeError, LookupError, TypeError, ValueError, struct.error)
"""What the library of passkeys raises for data that is no passkey's."""


class _CodeForm:
    """Asks for a code; after too many wrong ones it answers 429."""

    user: User
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
        with _failures_limited(self.user):
            return str(super().clean_code())  # type: ignore[misc]


class AuthenticateForm(_CodeForm, codes.AuthenticateForm):
    """Code after the password."""

    help = _("From your authenticator app. If you have lost it, enter one of your recovery codes.")


class ReauthenticateForm(_CodeForm, codes.ReauthenticateForm):
    """Code before a change of the account's security."""


class ActivateTOTPForm(_CodeForm, totp.ActivateTOTPForm):
    """First code of a new app."""

    help = _("The six digits that the app shows now.")


class _CredentialField(forms.JSONField):
    """The JSON that a browser sends for a passkey."""

    def to_python(self, value: Any) -> Any:
        """Parse it; malformed JSON counts as a wrong passkey."""
        try:
            if value and len(value) > _CREDENTIAL_MAX_CHARACTERS:
                raise ValueError(f"a passkey of {len(value)} characters")
            return super().to_python(value)
        except (RecursionError, ValueError) as error:
            raise get_adapter().validation_error("incorrect_code") from error


class _PasskeyForm(forms.Form):
    """Checks a passkey; malformed data counts as a wrong passkey."""

    credential = _CredentialField(widget=forms.HiddenInput)
    user: User | None
    reauthenticated: bool

    def clean_credential(self) -> Any:
        """Check the passkey."""
        try:
            with _failures_limited(self.user):
                return super().clean_credential()  # type: ignore[misc]
        except (ValidationError, *_UNREADABLE) as error:
            signals.authentication_failed.send(
                sender=Authenticator,
                request=context.request,
                user=self.user,
                authenticator=Authenticator(type=Authenticator.Type.WEBAUTHN),
                reauthentication=self.reauthenticated,
            )
            raise get_adapter().validation_error("incorrect_code") from error


class AuthenticatePasskeyForm(_PasskeyForm, passkeys.AuthenticateWebAuthnForm):
    """Passkey after the password."""


class LoginPasskeyForm(_PasskeyForm, passkeys.LoginWebAuthnForm):
    """Passkey in place of the password."""


class ReauthenticatePasskeyForm(_PasskeyForm, passkeys.ReauthenticateWebAuthnForm):
    """Passkey before a change of the account's security."""


class AddPasskeyForm(passkeys.AddWebAuthnForm):
    """A new passkey."""

    credential = _CredentialField(widget=forms.HiddenInput)

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


@contextmanager
def _failures_limited(user: User | None) -> Iterator[None]:
    """Answer 429 after too many failures of a user from this network.

    allauth counts those from all networks together, so that whoever has only the password could
    lock out the owner: that count is cleared. Its limit of each network address remains.
    """
    request = context.request
    if user is None:  # log-in by a passkey alone has a limit of the network address
        yield
        return
    limit = {
        "app": "allauth.account",
        "action": "login_failed",
        "config": {"login_failed": settings.SOUNDSCAPE_FAILED_LOGINS_OF_NAME},
    }
    key = f"mfa-auth-user-{user.pk}"
    network = address_network(client_address(request), ipv4_bits=32, ipv6_bits=64)
    failure = ratelimit.consume(request, **limit, key=f"{key}:{network}")
    if not failure:
        raise ImmediateHttpResponse(too_many_failures(request, "mfa/429.html"))
    ratelimit.clear(request, **limit, key=key)
    try:
        yield
    except ValidationError as error:
        if getattr(error, "code", None) in _TOO_MANY:
            raise ImmediateHttpResponse(too_many_failures(request, "mfa/429.html")) from error
        raise
    failure.rollback()
