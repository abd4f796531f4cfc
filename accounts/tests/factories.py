"""People with roles and second factors."""

from __future__ import annotations

from typing import Any, Final

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group
from django.test import Client

from accounts.models import User
from accounts.roles import Role

PASSWORD: Final = "a long enough password"
KEY: Final = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def make_person(name: str, *roles: Role) -> User:
    """Create somebody with a verified address and these roles."""
    operator = Role.OPERATOR in roles
    user = User.objects.create_user(
        name, f"{name}@example.org", PASSWORD, is_staff=operator, is_superuser=operator
    )
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    user.groups.set(Group.objects.filter(name__in=roles))
    return user


def give_app(user: User) -> Authenticator:
    """Set up an authenticator app with a known key."""
    app: Authenticator = Authenticator.objects.create(
        user=user, type=Authenticator.Type.TOTP, data={"secret": KEY}
    )
    return app


def log_in(client: Client, user: User) -> Any:
    """Log in by the site's own page."""
    return client.post("/accounts/login/", {"login": user.username, "password": PASSWORD})
