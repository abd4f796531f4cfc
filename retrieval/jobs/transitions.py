"""How a job changes state: the only place where it does.

A worker claims a queued row, which raises its attempt counter before any work starts, and holds it
by a lease on the database's clock. Whatever it writes at the end is fenced by owner and attempt: a
worker that lost its lease to another one writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db.models import F, QuerySet
from django.db.models.functions import Now

from retrieval.models import MAX_ATTEMPTS, Job, JobState

POISON: Final = "poison"

TRANSITIONS: Final[Mapping[str, frozenset[str]]] = {
    JobState.QUEUED: frozenset({JobState.PROCESSING}),
    JobState.PROCESSING: frozenset({JobState.QUEUED, JobState.DONE, JobState.FAILED}),
    JobState.DONE: frozenset(),
    JobState.FAILED: frozenset(),
}
"""What may follow what; `_enter` moves no row along any other way."""

_NO_LEASE: Final = {"lease_owner": "", "lease_expires_at": None}


class StaleClaimError(Exception):
    """The lease was lost: another attempt owns the job now, and this one may write nothing."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One attempt at one job."""

    model: type[Job]
    pk: Any
    owner: str
    attempt: int


def claim(model: type[Job], pk: Any, *, owner: str, lease: timedelta) -> Claim | None:
    """Take a queued job, or return None if it is not to be had."""
    taken = _enter(
        model._default_manager.filter(pk=pk, attempts__lt=MAX_ATTEMPTS),
        JobState.PROCESSING,
        attempts=F("attempts") + 1,
        lease_owner=owner,
        lease_expires_at=Now() + lease,
        started_at=Now(),
    )
    if not taken:
        return None
    attempt = model._default_manager.values_list("attempts", flat=True).get(pk=pk)
    return Claim(model, pk, owner, attempt)


def finish(held: Claim, **fields: Any) -> None:
    """Mark a job done together with what it found.

    Raises
    ------
    StaleClaimError
        If the lease was lost; the caller's transaction must not survive it.
    """
    _leave(held, JobState.DONE, finished_at=Now(), **fields)


def fail(held: Claim, *, code: str, detail: str) -> None:
    """Mark a job failed, for good, with its reason.

    Raises
    ------
    StaleClaimError
        If the lease was lost.
    """
    _leave(held, JobState.FAILED, finished_at=Now(), failure_code=code, failure_detail=detail)


def note(held: Claim, **fields: Any) -> None:
    """Write down how far a held job is.

    Raises
    ------
    StaleClaimError
        If the lease was lost.
    """
    if not _owned(held).update(**fields):
        raise StaleClaimError(_describe(held))


def renew(held: Claim, *, lease: timedelta) -> None:
    """Hold a job for another while.

    Raises
    ------
    StaleClaimError
        If the lease was lost.
    """
    note(held, lease_expires_at=Now() + lease)


def pause(held: Claim) -> None:
    """Queue a job again after a part of it was done: the next attempts count anew.

    Raises
    ------
    StaleClaimError
        If the lease was lost.
    """
    _leave(held, JobState.QUEUED, attempts=0, woken_at=None)


def note_woken(model: type[Job], pk: Any) -> None:
    """Remember that a worker was woken for a job, so that it is not woken at every round."""
    model._default_manager.filter(pk=pk).update(woken_at=Now())


def release_expired(model: type[Job]) -> int:
    """Queue again every job whose lease ran out; after the last attempt it has failed.

    Returns how many jobs changed.
    """
    return _release(model._default_manager.filter(lease_expires_at__lt=Now()))


def release_owned(model: type[Job], *, owner: str) -> int:
    """Queue again what a dead owner held, without waiting for its lease; count as above."""
    return _release(model._default_manager.filter(lease_owner=owner))


def _release(held: QuerySet[Job]) -> int:
    """Take jobs away from whoever held them."""
    poisoned = _enter(
        held.filter(attempts__gte=MAX_ATTEMPTS),
        JobState.FAILED,
        finished_at=Now(),
        failure_code=POISON,
        failure_detail=f"Given up after {MAX_ATTEMPTS} attempts that ended without a result.",
        **_NO_LEASE,
    )
    requeued = _enter(
        held.filter(attempts__lt=MAX_ATTEMPTS), JobState.QUEUED, woken_at=None, **_NO_LEASE
    )
    return poisoned + requeued


def _leave(held: Claim, state: JobState, **fields: Any) -> None:
    """Move a held job on, fenced by owner and attempt."""
    if not _enter(_owned(held), state, **_NO_LEASE, **fields):
        raise StaleClaimError(_describe(held))


def _enter(rows: QuerySet[Job], state: JobState, **fields: Any) -> int:
    """Move rows to a state, from those alone that the table lets it follow; count them."""
    sources = [source for source, targets in TRANSITIONS.items() if state in targets]
    return rows.filter(state__in=sources).update(state=state, **fields)


def _owned(held: Claim) -> QuerySet[Job]:
    """Return the job's row as long as it is this attempt's.

    Attempts alone would not do: a paused job counts them anew.
    """
    return held.model._default_manager.filter(
        pk=held.pk, state=JobState.PROCESSING, lease_owner=held.owner, attempts=held.attempt
    )


def _describe(held: Claim) -> str:
    return f"{held.model.__name__} {held.pk}, attempt {held.attempt}"
