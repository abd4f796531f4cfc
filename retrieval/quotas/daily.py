"""Count what visitors send, and stop at the day's limits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from retrieval.models import UploadTally
from retrieval.quotas.reads import tallies_of
from retrieval.quotas.senders import Allowance

_DAYS_KEPT: Final = 1  # besides today's: nobody asks about older ones
_MEGABYTE: Final = 1_000_000


class QuotaExceededError(Exception):
    """One more photo would be more than its sender may send in a day."""

    def __init__(self, code: str, detail: str, *, retry_after_s: int) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.retry_after_s = retry_after_s


def require_room(allowances: Sequence[Allowance], *, byte_size: int) -> None:
    """Look, without counting, whether a photo of this size may be sent.

    Raises
    ------
    QuotaExceededError
        If it would be too much: `quota_photos` or `quota_bytes`.
    """
    now = timezone.now()
    spent = tallies_of([allowance.key for allowance in allowances], _day(now))
    for allowance in allowances:
        _require_room_in(spent.get(allowance.key) or UploadTally(), allowance, byte_size, now)


@transaction.atomic
def count_upload(allowances: Sequence[Allowance], *, byte_size: int) -> None:
    """Count a photo on all of these; on none if one of them has no room.

    Of photos that come at once, none gets past a limit: the rows are locked until the caller's
    transaction ends, which it should soon, and always in the same order.

    Raises
    ------
    QuotaExceededError
        As for `require_room`.
    """
    now = timezone.now()
    for allowance in sorted(allowances, key=lambda allowance: allowance.key):
        tally = _locked_row(allowance.key, _day(now))
        _require_room_in(tally, allowance, byte_size, now)
        tally.photos += 1
        tally.photo_bytes += byte_size
        tally.save(update_fields=["photos", "photo_bytes"])


def _locked_row(visitor: str, day: date) -> UploadTally:
    """Return a row as the last who counted on it left it; nobody else counts until we are done."""
    mine = UploadTally.objects.select_for_update().filter(visitor=visitor, day=day)
    tally = mine.first()
    if tally is None:
        _begin_row(visitor, day)
        tally = mine.get()
    return tally


def _begin_row(visitor: str, day: date) -> None:
    """Have a row, if there is none; those of days gone by are deleted on this occasion."""
    UploadTally.objects.bulk_create([UploadTally(visitor=visitor, day=day)], ignore_conflicts=True)
    old = UploadTally.objects.filter(day__lt=day - timedelta(days=_DAYS_KEPT))
    free = old.select_for_update(skip_locked=True).values("pk")  # no waiting for who does so too
    UploadTally.objects.filter(pk__in=free).delete()


def _require_room_in(
    tally: UploadTally, allowance: Allowance, byte_size: int, now: datetime
) -> None:
    """Raise if a photo would be one too many, or its bytes too many, for one allowance."""
    limits = allowance.limits
    if limits.photos_a_day and tally.photos >= limits.photos_a_day:
        raise _exceeded("quota_photos", f"{limits.photos_a_day:,} photos", allowance.whose, now)
    most_bytes = limits.megabytes_a_day * _MEGABYTE
    if most_bytes and tally.photo_bytes + byte_size > most_bytes:
        raise _exceeded("quota_bytes", f"{limits.megabytes_a_day:,} MB", allowance.whose, now)


def _exceeded(code: str, most: str, whose: str, now: datetime) -> QuotaExceededError:
    tomorrow = datetime.combine(_day(now) + timedelta(days=1), time.min, UTC)
    wait_s = int((tomorrow - now).total_seconds()) + 1
    detail = (
        f"We take {most} a day from {whose}, and this one would be more. "
        f"Come back in {_hours(wait_s)}."
    )
    return QuotaExceededError(code, detail, retry_after_s=wait_s)


def _hours(seconds: int) -> str:
    hours = -(-seconds // 3600)
    return "an hour" if hours == 1 else f"{hours} hours"


def _day(now: datetime) -> date:
    return now.astimezone(UTC).date()
