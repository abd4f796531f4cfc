"""Answer a repeated request as before, and do what it asks for once (Idempotency-Key)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from accounts.models import IdempotentRequest

KEPT_FOR: Final = timedelta(hours=24)
FORGOTTEN: Final = 410
"""The status of an answer that told of what was deleted since; it has no body."""

_LEASE: Final = timedelta(minutes=2)
"""Longer than a request takes; one whose process died can be sent again after it."""


class IdempotencyError(Exception):
    """The request cannot be answered now or with this key; nothing was done."""

    code = "idempotency_key_reused"


class KeyReusedError(IdempotencyError):
    """The key stands for a request that asked for something else."""


class InFlightError(IdempotencyError):
    """The first request with this key has no answer yet."""

    code = "request_in_flight"


class TakenOverError(IdempotencyError):
    """The request took longer than its lease, and another one with its key went on."""

    code = "request_in_flight"


def begin(*, api_key_id: int, idempotency_key: str, fingerprint: str) -> IdempotentRequest:
    """Return the stored request with this key: answered already, or new and held by the caller.

    A row of more than `KEPT_FOR` ago counts as none.

    Raises
    ------
    KeyReusedError, InFlightError
        Nothing is stored.
    """
    # Times are the database's: the clocks of web servers may differ or jump.
    named = IdempotentRequest.objects.filter(api_key_id=api_key_id, idempotency_key=idempotency_key)
    named.filter(created_at__lt=Now() - KEPT_FOR).delete()
    fresh = IdempotentRequest(
        api_key_id=api_key_id,
        idempotency_key=idempotency_key,
        fingerprint=fingerprint,
        lease_ends_at=Now() + _LEASE,
    )
    try:
        with transaction.atomic():
            fresh.save(force_insert=True)
        return fresh
    except IntegrityError:
        known = named.first()
    if known is None:  # deleted in between
        raise InFlightError(f"{idempotency_key!r} has just been given up")
    if known.fingerprint != fingerprint:
        raise KeyReusedError(f"{idempotency_key!r} stands for another request")
    if known.status is not None:
        return known
    return _take_over(known)


def _take_over(known: IdempotentRequest) -> IdempotentRequest:
    holder = uuid.uuid4()
    abandoned = IdempotentRequest.objects.filter(
        pk=known.pk, status__isnull=True, lease_ends_at__lt=Now()
    )
    if not abandoned.update(holder=holder, lease_ends_at=Now() + _LEASE):
        raise InFlightError(f"{known.idempotency_key!r} is being answered")
    known.holder = holder
    return known


def finish(
    *,
    request: IdempotentRequest,
    status: int,
    headers: dict[str, str],
    body: Any,
    subjects: Iterable[str] = (),
) -> None:
    """Store the answer, in the transaction of what was done.

    Parameters
    ----------
    subjects
        What the answer tells of, for `forget_answers`.

    Raises
    ------
    TakenOverError
        If the lease ended and another request went on: the transaction must be undone.
    """
    held = IdempotentRequest.objects.filter(
        pk=request.pk, holder=request.holder, status__isnull=True
    )
    told_of = sorted(set(subjects))
    if not held.update(status=status, headers=headers, body=body, subjects=told_of):
        raise TakenOverError(f"{request.idempotency_key!r} was taken over")


def give_up(*, request: IdempotentRequest) -> None:
    """Forget a request that was refused for now, so that it can be sent again."""
    IdempotentRequest.objects.filter(
        pk=request.pk, holder=request.holder, status__isnull=True
    ).delete()


def forget_answers(*, subject: str) -> None:
    """Empty the stored answers that tell of what is deleted, in the deletion's transaction.

    Their keys remain, so that a repetition does not do again what was asked for.
    """
    IdempotentRequest.objects.filter(subjects__contains=[subject]).update(
        status=FORGOTTEN, headers={}, body=None, subjects=[]
    )


def forget_old_requests() -> int:
    """Delete answers that are no longer replayed; return how many."""
    old = IdempotentRequest.objects.filter(created_at__lt=Now() - KEPT_FOR)
    return old.delete()[0]
