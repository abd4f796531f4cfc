"""State transitions of jobs; no other module changes a job's state.

A worker claims a queued job, which increments its attempt counter, and holds it by a lease on the
database's clock. Every later change is fenced by owner and attempt: a function that takes a `Claim`
raises `StaleClaimError` if the lease was lost, and the caller must roll its transaction back.
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
"""Allowed transitions, enforced by `_enter`."""

_NO_LEASE: Final = {"lease_owner": "", "lease_expires_at": None}


class StaleClaimError(Exception):
    """The lease was lost: this attempt must not write."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One attempt at one job."""

    model: type[Job]
    pk: Any
    owner: str
    attempt: int

    def __str__(self) -> str:
        return f"{self.model.__name__} {self.pk}, attempt {self.attempt}"


def claim(model: type[Job], pk: Any, *, owner: str, lease: timedelta) -> Claim | None:
    """Claim a job; return None if it is not queued or has no attempt left."""
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
    """Mark a job as done and update its fields."""
    _end_attempt(held, JobState.DONE, finished_at=Now(), **fields)


def fail(held: Claim, *, code: str, detail: str) -> None:
    """Mark a job as failed."""
    _end_attempt(held, JobState.FAILED, finished_at=Now(), failure_code=code, failure_detail=detail)


def note(held: Claim, **fields: Any) -> None:
    """Update fields of a held job."""
    if not _owned(held).update(**fields):
        raise StaleClaimError(held)


def renew(held: Claim, *, lease: timedelta) -> None:
    """Extend a job's lease to `lease` from now."""
    note(held, lease_expires_at=Now() + lease)


def pause(held: Claim) -> None:
    """Queue a partly finished job again and reset its attempt counter."""
    _end_attempt(held, JobState.QUEUED, attempts=0, woken_at=None)


def note_woken(model: type[Job], pk: Any) -> None:
    """Record that a wake-up was sent, so that the sweeper does not send one every round."""
    model._default_manager.filter(pk=pk).update(woken_at=Now())


def release_expired(model: type[Job]) -> int:
    """Queue jobs with an expired lease again, or fail those without an attempt left.

    Returns the number of changed jobs.
    """
    return _release(model._default_manager.filter(lease_expires_at__lt=Now()))


def release_owned(model: type[Job], *, owner: str) -> int:
    """Like `release_expired`, for all jobs of a dead owner."""
    return _release(model._default_manager.filter(lease_owner=owner))


def _release(held: QuerySet[Job]) -> int:
    poisoned = _enter(
        held.filter(attempts__gte=MAX_ATTEMPTS),
        JobState.FAILED,
        finished_at=Now(),
        failure_code=POISON,
        failure_detail=f"Failed after {MAX_ATTEMPTS} attempts without a result.",
        **_NO_LEASE,
    )
    requeued = _enter(
        held.filter(attempts__lt=MAX_ATTEMPTS), JobState.QUEUED, woken_at=None, **_NO_LEASE
    )
    return poisoned + requeued


def _end_attempt(held: Claim, state: JobState, **fields: Any) -> None:
    """End this attempt at a job, fenced by owner and attempt."""
    if not _enter(_owned(held), state, **_NO_LEASE, **fields):
        raise StaleClaimError(held)


def _enter(rows: QuerySet[Job], state: JobState, **fields: Any) -> int:
    """Move rows to a state if `TRANSITIONS` allows it; return how many moved."""
    sources = [source for source, targets in TRANSITIONS.items() if state in targets]
    return rows.filter(state__in=sources).update(state=state, **fields)


def _owned(held: Claim) -> QuerySet[Job]:
    """Return the job's row if this attempt holds it.

    The attempt alone does not identify the holder, because `pause` resets the counter.
    """
    return held.model._default_manager.filter(
        pk=held.pk, state=JobState.PROCESSING, lease_owner=held.owner, attempts=held.attempt
    )
