"""Uploads and other acts a minute.

While Redis is unavailable every act passes; the daily quota of uploads in PostgreSQL still holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from django.utils.translation import gettext as _

from accounts.rates import Counter, count, whole_seconds
from retrieval.quotas.limits import Allowance, LimitExceededError

_WINDOW_S: Final = 60


def check_rate(allowances: Iterable[Allowance]) -> None:
    """Count an upload in the current minute.

    Raises
    ------
    LimitExceededError
        With code ``rate_limited``, if it is one too many for a sender.
    """
    wait_s = seconds_to_wait(
        {one.key: one.limits.photos_a_minute for one in allowances if one.limits.photos_a_minute}
    )
    if wait_s:
        detail = _("You send photos faster than we take them. Try again in {wait_s} s.")
        raise LimitExceededError(
            detail.format(wait_s=wait_s), code="rate_limited", retry_after_s=wait_s
        )


def seconds_to_wait(most_a_minute: Mapping[str, int]) -> int:
    """Count an act in the last minute towards counters, given by key with their limits.

    Returns how long to wait if it is one too many for any of them, otherwise 0.
    """
    outcome = count([Counter(name, most, _WINDOW_S) for name, most in most_a_minute.items()])
    return 0 if outcome is None or outcome.passed else whole_seconds(outcome.nearest.wait_s)
