"""State transitions of jobs; no other module changes a job's state.

A worker claims a queued job, which increments its attempt counter, and holds it by a lease on the
database's clock. Every later change is fenced by owner and claim: a function that takes a `Claim`
raises `StaleClaimError` if the lease was lost, and the caller must roll its transaction back.
Webhooks hear of an end in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from retrieval.jobs.announcing import announce_end
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
    """One attempt at one job; `started_at` differs for each claim, `attempt` may not."""

    model: type[Job]
    pk: Any
    owner: str
    attempt: int
    started_at: datetime | None

    def __str__(self) -> str:
        return f"{self.model.__name__} {self.pk}, attempt {self.attempt}"


def claim(model: type[Job], pk: Any, *, owner: str, lease: timedelta) -> Claim | None:
    """Claim a job; return None if it is not queued, has no attempt left or was deleted.

    A job that this owner has already is claimed again: an owner works on one job at a time, so the
    earlier claim has ended, without a database to tell it to. It does not count as an attempt:
    else three lost connections would fail the job.
    """
    row = model._default_manager.filter(pk=pk)
    taken = _take(row, owner=owner, lease=lease)
    if not taken and _give_back(row.filter(lease_owner=owner)):
        taken = _take(row, owner=owner, lease=lease)
    claimed = row.values_list("attempts", "started_at").first() if taken else None
    return None if claimed is None else Claim(model, pk, owner, *claimed)


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
    """Queue a job again that goes on later, and reset its attempt counter."""
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


def _take(row: QuerySet[Job], *, owner: str, lease: timedelta) -> int:
    return _enter(
        row.filter(attempts__lt=MAX_ATTEMPTS),
        JobState.PROCESSING,
        attempts=F("attempts") + 1,
        lease_owner=owner,
        lease_expires_at=Now() + lease,
        started_at=Now(),
    )


def _give_back(held: QuerySet[Job]) -> int:
    return _enter(held, JobState.QUEUED, attempts=F("attempts") - 1, woken_at=None, **_NO_LEASE)


def _release(held: QuerySet[Job]) -> int:
    poisoned = _fail_poisoned(held.filter(attempts__gte=MAX_ATTEMPTS))
    requeued = _enter(
        held.filter(attempts__lt=MAX_ATTEMPTS), JobState.QUEUED, woken_at=None, **_NO_LEASE
    )
    return poisoned + requeued


@transaction.atomic
def _fail_poisoned(held: QuerySet[Job]) -> int:
    pks = list(held.select_for_update().values_list("pk", flat=True))
    failed = _enter(
        held.model._default_manager.filter(pk__in=pks),
        JobState.FAILED,
        finished_at=Now(),
        failure_code=POISON,
        failure_detail=f"Failed after {MAX_ATTEMPTS} attempts without a result.",
        **_NO_LEASE,
    )
    announce_end(held.model, pks)
    return failed


@transaction.atomic
def _end_attempt(held: Claim, state: JobState, **fields: Any) -> None:
    """End this attempt at a job, fenced as in `_owned`."""
    if not _enter(_owned(held), state, **_NO_LEASE, **fields):
        raise StaleClaimError(held)
    if not TRANSITIONS[state]:
        announce_end(held.model, [held.pk])


def _enter(rows: QuerySet[Job], state: JobState, **fields: Any) -> int:
    """Move rows to a state if `TRANSITIONS` allows it; return how many moved."""
    sources = [source for source, targets in TRANSITIONS.items() if state in targets]
    return rows.filter(state__in=sources).update(state=state, **fields)


def _owned(held: Claim) -> QuerySet[Job]:
    """Return the job's row if this claim holds it.

    The attempt does not identify the claim: `pause` resets the counter, and an owner that claims
    its job again keeps it.
    """
    return held.model._default_manager.filter(
        pk=held.pk,
        state=JobState.PROCESSING,
        lease_owner=held.owner,
        started_at=held.started_at,
    )
