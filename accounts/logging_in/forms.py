"""The forms of sign-up, log-in and passwords: django-allauth's, in the site's words."""

from __future__ import annotations

from typing import Any, Final

from allauth.account import forms as base
from allauth.account.adapter import get_adapter
from django.contrib import messages
from django.contrib.auth.hashers import make_password
from django.core.validators import MaxLengthValidator
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.selectors.email_addresses import has_account, may_reset_by

_LABELS: Final = {
    "login": _("Name or e-mail address"),
    "username": _("Name"),
    "email": _("E-mail address"),
    "password": _("Password"),
    "oldpassword": _("Current password"),
    "password1": _("New password"),
}
_HELP: Final = {
    "username": _("Letters, digits and . + - _; other people see it."),
    "password1": _("At least 12 characters; not a common password, not like your name or address."),
}


class _SiteWords:
    """Sets the site's labels and help; removes the placeholders, which repeat the labels."""

    fields: dict[str, Any]
    labels: dict[str, Promise] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The password is typed once: a reset corrects a mistyped one.
        self.fields.pop("password2", None)
        for name, field in self.fields.items():
            field.label = self.labels.get(name, _LABELS.get(name, field.label))
            field.help_text = _HELP.get(name, "")
            field.widget.attrs.pop("placeholder", None)
        if "email" in self.fields:  # allauth stores what fits
            most = User._meta.get_field("email").max_length
            self.fields["email"].validators.append(MaxLengthValidator(most))


class LoginForm(_SiteWords, base.LoginForm):
    """Log-in by name or e-mail address."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].widget.attrs["autocomplete"] = "username"

    def user_credentials(self) -> dict[str, str]:
        """Return the name or the address, not the address as a name too.

        Given both, allauth would hash the password twice for a known address and once for an
        unknown one: the time would tell which addresses have an account. No name holds an @.
        """
        credentials: dict[str, str] = super().user_credentials()
        if "email" in credentials:
            credentials.pop("username", None)
        return credentials


class SignupForm(_SiteWords, base.SignupForm):
    """Sign-up with a name, an e-mail address and a password."""

    labels = {"password1": _("Password")}

    def validate_unique_email(self, value: str) -> str:
        """Note whether the address has an account; unverified claims of others do not count."""
        self.account_already_exists = has_account(value)
        email: str = get_adapter().validate_unique_email(value)
        return email

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        """Make the account, or write to the owner of the account that has the address.

        The answer is the same, and takes as long.
        """
        if self.account_already_exists:
            make_password(self.cleaned_data["password1"])
        try:
            with transaction.atomic():
                made: tuple[User | None, HttpResponse | None] = super().try_save(request)
                return made
        except IntegrityError:  # somebody else took the name in this moment
            taken = User._meta.get_field("username").error_messages["unique"]
            messages.error(request, taken)
            return None, redirect("account_signup")


class AddEmailForm(_SiteWords, base.AddEmailForm):
    """Change of the e-mail address."""

    labels = {"email": _("New e-mail address")}


class ChangePasswordForm(_SiteWords, base.ChangePasswordForm):
    """Change of the password by somebody who knows it."""


class SetPasswordForm(_SiteWords, base.SetPasswordForm):
    """First password of somebody who logs in otherwise."""


class ResetPasswordForm(_SiteWords, base.ResetPasswordForm):
    """Request of a link for a new password."""

    users: list[User]

    def clean_email(self) -> str:
        """Find the accounts that may be opened by this address."""
        email = str(super().clean_email())
        self.users = [user for user in self.users if may_reset_by(email, user_id=user.pk)]
        return email


class ResetPasswordKeyForm(_SiteWords, base.ResetPasswordKeyForm):
    """New password by such a link."""


class ReauthenticateForm(_SiteWords, base.ReauthenticateForm):
    """The password once more, before something that matters."""
