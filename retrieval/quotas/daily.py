"""Daily upload quotas, counted in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext, ngettext

from retrieval.models import UploadTally
from retrieval.quotas.limits import Allowance, LimitExceededError

_DAYS_KEPT: Final = 1  # besides today
_MEGABYTE: Final = 1_000_000


def check_quota(allowances: Sequence[Allowance], *, byte_size: int) -> None:
    """Check, without counting, whether an upload of this size is within the day's quota.

    Raises
    ------
    LimitExceededError
        With code ``quota_photos`` or ``quota_bytes``.
    """
    now = timezone.now()
    keys = [allowance.key for allowance in allowances]
    rows = UploadTally.objects.filter(visitor__in=keys, day=_day(now))
    tallies = {row.visitor: row for row in rows}
    for allowance in allowances:
        _check(tallies.get(allowance.key) or UploadTally(), allowance, byte_size, now)


@transaction.atomic
def count_upload(allowances: Sequence[Allowance], *, byte_size: int) -> None:
    """Count an upload towards all allowances, or none of them if one is exhausted.

    The rows stay locked until the caller's transaction ends, so that concurrent uploads cannot
    exceed a limit. They are locked in the order of their keys, which prevents deadlocks.

    Raises
    ------
    LimitExceededError
        With code ``quota_photos`` or ``quota_bytes``.
    """
    now = timezone.now()
    for allowance in sorted(allowances, key=lambda allowance: allowance.key):
        tally = _locked_tally(allowance.key, _day(now))
        _check(tally, allowance, byte_size, now)
        tally.photos += 1
        tally.photo_bytes += byte_size
        tally.save(update_fields=["photos", "photo_bytes"])


def _locked_tally(visitor: str, day: date) -> UploadTally:
    """Lock and return the tally row; if it is missing, create it and delete those of earlier days.

    The deletion skips rows that another transaction has locked.
    """
    rows = UploadTally.objects.select_for_update()
    tally, is_new = rows.get_or_create(visitor=visitor, day=day)
    if is_new:
        old = UploadTally.objects.filter(day__lt=day - timedelta(days=_DAYS_KEPT))
        unlocked = old.select_for_update(skip_locked=True).values("pk")
        UploadTally.objects.filter(pk__in=unlocked).delete()
    return tally


def _check(tally: UploadTally, allowance: Allowance, byte_size: int, now: datetime) -> None:
    """Raise if one more upload of this size exceeds the allowance."""
    limits = allowance.limits
    if limits.photos_a_day and tally.photos >= limits.photos_a_day:
        words = ngettext(
            "We take {most} photo a day from {whose}, and this one would be more.",
            "We take {most} photos a day from {whose}, and this one would be more.",
            limits.photos_a_day,
        )
        words = words.format(most=_figure(limits.photos_a_day), whose=allowance.whose)
        raise _exceeded(words, now, code="quota_photos")
    most_bytes = limits.megabytes_a_day * _MEGABYTE
    if most_bytes and tally.photo_bytes + byte_size > most_bytes:
        words = gettext("We take {most} MB a day from {whose}, and this one would be more.")
        words = words.format(most=_figure(limits.megabytes_a_day), whose=allowance.whose)
        raise _exceeded(words, now, code="quota_bytes")


def _exceeded(words: str, now: datetime, *, code: str) -> LimitExceededError:
    tomorrow = datetime.combine(_day(now) + timedelta(days=1), time.min, UTC)
    wait_s = int((tomorrow - now).total_seconds()) + 1
    hours = -(-wait_s // 3600)
    come_back = ngettext("Come back in an hour.", "Come back in {hours} hours.", hours)
    detail = f"{words} {come_back.format(hours=hours)}"
    return LimitExceededError(detail, code=code, retry_after_s=wait_s)


def _figure(number: int) -> str:
    return number_format(number, force_grouping=True)


def _day(now: datetime) -> date:
    return now.astimezone(UTC).date()
