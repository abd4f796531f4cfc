"""People with roles and second factors."""

from __future__ import annotations

from typing import Final

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group

from accounts.models import User
from accounts.roles import Role
from accounts.tests.people import make_user

KEY: Final = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def make_person(name: str, *roles: Role) -> User:
    """Create somebody with these roles."""
    operator = Role.OPERATOR in roles
    user: User = make_user(
        name, email=f"{name}@people.example", is_staff=operator, is_superuser=operator
    )
    user.groups.set(Group.objects.filter(name__in=roles))
    return user


def give_app(user: User) -> Authenticator:
    """Set up an authenticator app with a known key."""
    app: Authenticator = Authenticator.objects.create(
        user=user, type=Authenticator.Type.TOTP, data={"secret": KEY}
    )
    return app
