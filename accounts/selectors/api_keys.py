"""Queries on the API's keys."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.utils import timezone
from knox.crypto import hash_token
from knox.settings import CONSTANTS

from accounts.models import ApiKey


def key_of_secret(secret: str) -> ApiKey | None:
    """Return the key that a secret opens now, with its user, or None.

    The digests are looked up, not compared one by one: the hash of a guess tells nothing about
    other hashes.
    """
    if not secret.isascii() or len(secret) <= CONSTANTS.TOKEN_KEY_LENGTH:
        return None
    digest, now = hash_token(secret), timezone.now()
    current = Q(digest=digest) | Q(previous_digest=digest, previous_until__gt=now)
    usable = ApiKey.objects.filter(
        current, revoked_at__isnull=True, expiry__gt=now, user__is_active=True
    )
    return usable.select_related("user").first()


def keys_of(user_id: int) -> QuerySet[ApiKey]:
    """Return a person's keys that are not revoked, the newest first."""
    return ApiKey.objects.filter(user_id=user_id, revoked_at__isnull=True).order_by("-pk")


def key_of_person(user_id: int, key_id: int) -> ApiKey | None:
    """Return a key that is not revoked, if it is this person's."""
    return keys_of(user_id).filter(pk=key_id).first()
