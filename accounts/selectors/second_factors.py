"""The second factors of users."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.db.models import Exists, OuterRef, Q

from accounts.models import User
from accounts.roles import GROUPS, PRIVILEGED

_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
_PRIVILEGED_GROUPS = [role for role in GROUPS if role in PRIVILEGED]


def owes_second_factor(user_id: int) -> bool:
    """Return whether a user has a role that needs a second factor, but has none; one query."""
    privileged = Q(is_staff=True) | Q(groups__name__in=_PRIVILEGED_GROUPS)
    factors = Authenticator.objects.filter(user=OuterRef("pk"), type__in=_FACTORS)
    return User.objects.filter(privileged, ~Exists(factors), pk=user_id).exists()


def has_second_factor(user_id: int) -> bool:
    """Return whether a user has a second factor."""
    return bool(Authenticator.objects.filter(user=user_id, type__in=_FACTORS).exists())


def is_only_factor(factor: Authenticator) -> bool:
    """Return whether a factor, which is no set of recovery codes, is its user's only one."""
    factors = Authenticator.objects.filter(user=factor.user_id, type__in=_FACTORS)
    return list(factors) == [factor]


def passkey_count(user_id: int) -> int:
    """Return how many passkeys a user has."""
    passkeys = Authenticator.objects.filter(user=user_id, type=Authenticator.Type.WEBAUTHN)
    return int(passkeys.count())
