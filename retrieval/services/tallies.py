"""Count what visitors send, and stop at the day's limits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from retrieval.models import UploadTally
from retrieval.selectors.tallies import tallies_of
from retrieval.visitors import Allowance, UploadLimits

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
        tally = spent.get(allowance.key) or UploadTally()
        if not _has_room(tally, allowance.limits, byte_size):
            raise _exceeded(tally, allowance, now)


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
        if _count(allowance, _day(now), byte_size):
            continue
        _begin_row(allowance.key, _day(now))
        if not _count(allowance, _day(now), byte_size):
            tally = UploadTally.objects.get(visitor=allowance.key, day=_day(now))
            raise _exceeded(tally, allowance, now)


def _count(allowance: Allowance, day: date, byte_size: int) -> bool:
    """Count a photo if there is a row with room for it."""
    mine = UploadTally.objects.filter(visitor=allowance.key, day=day)
    counted = mine.filter(_room(allowance.limits, byte_size)).update(
        photos=F("photos") + 1, photo_bytes=F("photo_bytes") + byte_size
    )
    return bool(counted)


def _begin_row(visitor: str, day: date) -> None:
    """Have a row, if there is none; those of days gone by are deleted on this occasion."""
    UploadTally.objects.bulk_create([UploadTally(visitor=visitor, day=day)], ignore_conflicts=True)
    old = UploadTally.objects.filter(day__lt=day - timedelta(days=_DAYS_KEPT))
    free = old.select_for_update(skip_locked=True).values("pk")  # no waiting for who does so too
    UploadTally.objects.filter(pk__in=free).delete()


def _room(limits: UploadLimits, byte_size: int) -> Q:
    room = Q()
    if limits.photos_a_day:
        room &= Q(photos__lt=limits.photos_a_day)
    if limits.megabytes_a_day:
        room &= Q(photo_bytes__lte=limits.megabytes_a_day * _MEGABYTE - byte_size)
    return room


def _has_room(tally: UploadTally, limits: UploadLimits, byte_size: int) -> bool:
    return not (_photos_are_up(tally, limits) or _bytes_are_up(tally, limits, byte_size))


def _photos_are_up(tally: UploadTally, limits: UploadLimits) -> bool:
    return bool(limits.photos_a_day) and tally.photos >= limits.photos_a_day


def _bytes_are_up(tally: UploadTally, limits: UploadLimits, byte_size: int) -> bool:
    most = limits.megabytes_a_day * _MEGABYTE
    return bool(most) and tally.photo_bytes + byte_size > most


def _exceeded(tally: UploadTally, allowance: Allowance, now: datetime) -> QuotaExceededError:
    tomorrow = datetime.combine(_day(now) + timedelta(days=1), time.min, UTC)
    wait_s = int((tomorrow - now).total_seconds()) + 1
    limits = allowance.limits
    if _photos_are_up(tally, limits):
        code, most = "quota_photos", f"{limits.photos_a_day:,} photos"
    else:
        code, most = "quota_bytes", f"{limits.megabytes_a_day:,} MB"
    detail = (
        f"We take {most} a day from {allowance.whose}, and this one would be more. "
        f"Come back in {_hours(wait_s)}."
    )
    return QuotaExceededError(code, detail, retry_after_s=wait_s)


def _hours(seconds: int) -> str:
    hours = -(-seconds // 3600)
    return "an hour" if hours == 1 else f"{hours} hours"


def _day(now: datetime) -> date:
    return now.astimezone(UTC).date()
