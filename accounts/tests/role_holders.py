"""People for tests."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group

from accounts.models import User
from accounts.roles import Role

PASSWORD = "a long enough password"


def make_person(name, *roles, active=True):
    """Make an account with a verified address and these roles."""
    operator = Role.OPERATOR in roles
    user = User.objects.create_user(
        name, f"{name}@example.org", PASSWORD,
        is_staff=operator, is_superuser=operator, is_active=active,
    )  # fmt: skip
    user.groups.set(Group.objects.filter(name__in=roles))
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user
