"""Forms of people, roles and invitations."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import get_adapter
from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import Invitation, User
from accounts.roles import Role
from accounts.selectors.email_addresses import has_account

_ROLES: Any = {"choices": Role.choices, "widget": forms.CheckboxSelectMultiple}


class RolesForm(forms.Form):
    """The roles that a person is to have, and those that the page showed."""

    roles = forms.TypedMultipleChoiceField(coerce=Role, required=False, **_ROLES)
    shown = forms.TypedMultipleChoiceField(coerce=Role, required=False, **_ROLES)


class InviteForm(forms.Form):
    """Whom to invite, and to which roles."""

    email = forms.EmailField(
        label=_("E-mail address"),
        max_length=Invitation._meta.get_field("email").max_length,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
    roles = forms.TypedMultipleChoiceField(
        label=_("Roles"),
        coerce=Role,
        error_messages={"required": _("Choose at least one role.")},
        **_ROLES,
    )


class TokenForm(forms.Form):
    """The token that the terminal printed."""

    token = forms.CharField(
        label=_("Token"),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def clean_token(self) -> str:
        """Return the token; accept the whole address too."""
        text: str = self.cleaned_data["token"]
        return text.rstrip("/").rpartition("/")[2]


class JoinForm(forms.ModelForm):  # type: ignore[type-arg] # generic in the stubs only
    """The account of an invited person; the address is asked only if the invitation has none."""

    password = forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=128,
        help_text=_("At least 12 characters; a few words that do not belong together do well."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    class Meta:
        model = User
        fields = ("email", "username")
        labels = {"email": _("E-mail address")}

    def __init__(self, *args: Any, address: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].widget.attrs["autocomplete"] = "username"
        self.fields["email"].widget.attrs["autocomplete"] = "email"
        self.fields["email"].required = True
        if address:
            self.instance.email = address
            del self.fields["email"]

    def clean_email(self) -> str:
        """Refuse the address of an account."""
        email: str = self.cleaned_data["email"].lower()
        if has_account(email):
            raise forms.ValidationError(
                _("An account has this address. Log in to it, then open the link again.")
            )
        return email

    def clean_username(self) -> str:
        """Refuse a name that is taken, in whatever case."""
        username: str = get_adapter().clean_username(self.cleaned_data["username"])
        return username

    def clean(self) -> dict[str, Any]:
        """Check the password, also against name and address."""
        cleaned = super().clean() or {}
        email = cleaned.get("email", self.instance.email)
        person = User(username=cleaned.get("username", ""), email=email)
        if "password" in cleaned:
            try:
                get_adapter().clean_password(cleaned["password"], person)
            except forms.ValidationError as error:
                self.add_error("password", error)
        return cleaned
