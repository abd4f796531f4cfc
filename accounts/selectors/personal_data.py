"""What the site holds about a person besides photos, as plain values for a JSON file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.db.models import Q

from accounts.models import ApiKey, AuditLogRow, Invitation, User
from accounts.selectors.roles import roles_of


def account_data(user_id: int) -> dict[str, Any]:
    """Return name, addresses, roles, sessions, second factors and keys, without their secrets."""
    user = User.objects.get(pk=user_id)
    addresses = EmailAddress.objects.filter(user=user).values("email", "verified", "primary")
    sessions = UserSession.objects.filter(user=user)
    factors = Authenticator.objects.filter(user=user)
    keys = ApiKey.objects.filter(user=user)
    return {
        "number": user.pk,
        "name": user.username,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "email_addresses": list(addresses.order_by("pk")),
        "roles": sorted(roles_of(user)),
        "joined_at": user.date_joined,
        "last_log_in_at": user.last_login,
        "sessions": list(
            sessions.order_by("pk").values("created_at", "last_seen_at", "ip", "user_agent")
        ),
        "second_factors": list(factors.order_by("pk").values("type", "created_at", "last_used_at")),
        "api_keys": [
            {
                "name": key.name,
                "begins": key.token_key,
                "scopes": key.scopes,
                "created_at": key.created,
                "expires_at": key.expiry,
                "last_used_at": key.last_used_at,
                "last_used_from": key.last_used_from,
                "revoked_at": key.revoked_at,
            }
            for key in keys.order_by("pk")
        ],
    }


def invitation_data(user_id: int) -> Iterator[Mapping[str, object]]:
    """Yield the invitations that a person sent or accepted."""
    invitations = Invitation.objects.filter(Q(invited_by=user_id) | Q(accepted_by=user_id))
    yield from invitations.order_by("pk").values(
        "email", "roles", "created_at", "expires_at", "accepted_at"
    )


def audit_data(user_id: int) -> Iterator[Mapping[str, object]]:
    """Yield the entries of the audit log about what a person did, and what others did to them.

    An entry by somebody else comes without that person's number and network address.
    """
    entries = AuditLogRow.objects.filter(Q(actor_id=user_id) | Q(subject=f"user {user_id}"))
    names = ("at", "action", "subject", "detail", "actor_id", "address_prefix")
    for entry in entries.order_by("at").values(*names).iterator():
        by_you = entry.pop("actor_id") == user_id
        prefix = entry.pop("address_prefix")
        yield entry | {"by_you": by_you} | ({"address_prefix": prefix} if by_you else {})
