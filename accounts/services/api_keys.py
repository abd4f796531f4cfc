"""Make, rotate and revoke the API's keys, and note their use."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from knox.models import get_digest_token
from knox.settings import CONSTANTS

from accounts.models import ApiKey, User
from accounts.origin import current_origin
from accounts.rates import Counter, count
from accounts.services.audit import record

PREVIOUS_KEPT_FOR: Final = timedelta(hours=24)
"""How long the secret from before a rotation works, unless it is to end at once."""

_NOTED_EVERY: Final = timedelta(minutes=1)
_AUDITED_EVERY: Final = timedelta(hours=1)


MOST_KEYS: Final = 20


class TooManyKeysError(Exception):
    """The person has as many keys as one may have."""

    code = "too_many_keys"


class KeyChangedError(Exception):
    """The key was rotated, revoked or has expired since the person saw it."""

    code = "key_changed"


@transaction.atomic
def make_key(
    *, user_id: int, name: str, scopes: Iterable[str], valid_for: timedelta
) -> tuple[ApiKey, str]:
    """Make a key; return it with its secret, which is stored nowhere.

    Raises
    ------
    ValidationError
        If the name is taken or a scope is unknown.
    TooManyKeysError
        If the person has `MOST_KEYS` keys.
    User.DoesNotExist
        If the account is closed.
    """
    # Of two keys made at once, the second one must see the first one's name.
    User.objects.select_for_update(no_key=True).get(pk=user_id, is_active=True)
    if ApiKey.objects.filter(user_id=user_id, revoked_at__isnull=True).count() >= MOST_KEYS:
        raise TooManyKeysError(f"user {user_id} has {MOST_KEYS} keys")
    digest, secret = get_digest_token()
    now = timezone.now()
    key = ApiKey(
        user_id=user_id,
        name=name,
        scopes=sorted(set(scopes)),
        digest=digest,
        token_key=secret[: CONSTANTS.TOKEN_KEY_LENGTH],
        created=now,
        expiry=now + valid_for,
    )
    key.full_clean()
    key.save(force_insert=True)
    _record("key.made", key, actor_id=user_id, name=name, scopes=key.scopes)
    return key, secret


@transaction.atomic
def rotate_key(
    *, key_id: int, actor_id: int, at_once: bool, begins: str | None = None
) -> tuple[ApiKey, str]:
    """Give a key a new secret; the previous one works for a day more, or ends at once.

    Parameters
    ----------
    actor_id
        The key's owner: nobody else learns a secret.
    begins
        The beginning of the secret that the owner saw, lest a form that is sent twice ends the
        secret that its first answer showed.

    Raises
    ------
    KeyChangedError
        If there is no such key any more.
    """
    usable = ApiKey.objects.filter(
        pk=key_id, user_id=actor_id, revoked_at__isnull=True, expiry__gt=timezone.now()
    )
    key = usable.select_for_update().first()
    if key is None or begins not in {None, key.token_key}:
        raise KeyChangedError(f"key {key_id} is not as user {actor_id} saw it")
    previous = key.digest
    key.digest, secret = get_digest_token()
    key.token_key = secret[: CONSTANTS.TOKEN_KEY_LENGTH]
    key.previous_digest = "" if at_once else previous
    key.previous_until = None if at_once else timezone.now() + PREVIOUS_KEPT_FOR
    key.save(update_fields=["digest", "token_key", "previous_digest", "previous_until"])
    _record("key.rotated", key, actor_id=actor_id, at_once=at_once)
    return key, secret


@transaction.atomic
def revoke_key(*, key_id: int, actor_id: int) -> None:
    """End a key; requests with it are refused from now on."""
    key = ApiKey.objects.select_for_update().get(pk=key_id)
    if key.revoked_at is None:
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])
        _record("key.revoked", key, actor_id=actor_id)


def revoke_keys_of(*, user_id: int, actor_id: int | None) -> None:
    """End all keys of a person whose account ends, in the transaction of that."""
    keys = ApiKey.objects.select_for_update().filter(user_id=user_id, revoked_at__isnull=True)
    for key in keys.order_by("pk"):
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])
        _record("key.revoked", key, actor_id=actor_id)


def note_use(*, key: ApiKey) -> None:
    """Note when and from which network a key is used, at most once a minute.

    The audit log gets an entry for the first use, after an hour, and once an hour for each other
    network, also within the minute: a thief's requests are few beside those of a busy program.
    """
    now, network = timezone.now(), current_origin().address_prefix
    last = key.last_used_at
    is_due = last is None or now - last >= _NOTED_EVERY
    elsewhere = last is not None and network != key.last_used_from
    if not (is_due or elsewhere):
        return
    elsewhere = elsewhere and _is_first_in_the_hour(key, network, otherwise=is_due)
    with transaction.atomic():
        if is_due:
            unnoted = ApiKey.objects.filter(
                Q(last_used_at__isnull=True) | Q(last_used_at__lte=now - _NOTED_EVERY), pk=key.pk
            )
            is_due = bool(unnoted.update(last_used_at=now, last_used_from=network))
        # If another request has noted this minute, it has also made the entry for the hour.
        if elsewhere or (is_due and (last is None or now - last >= _AUDITED_EVERY)):
            _record("key.used", key, actor_id=key.user_id)


def _is_first_in_the_hour(key: ApiKey, network: str, *, otherwise: bool) -> bool:
    """Count a use from a network, for all processes; `otherwise` is the answer without Redis."""
    name = f"key:{key.pk}:network:{network}"
    outcome = count([Counter(name, 1, int(_AUDITED_EVERY.total_seconds()))])
    return otherwise if outcome is None else outcome.passed


def _record(action: str, key: ApiKey, *, actor_id: int | None, **detail: object) -> None:
    record(
        action=action,
        subject=f"key {key.pk}",
        actor_id=actor_id,
        owner_id=key.user_id,
        begins=key.token_key,
        **detail,
    )
