"""How often one sender may report photos."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from retrieval.models import SceneReport
from retrieval.quotas.limits import LimitExceededError

REPORTS_AN_HOUR: Final = 10
_HOUR: Final = timedelta(hours=1)
_ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended('report by ' || %s, 0))"


def check_reports(reporter_key: str) -> None:
    """Check whether a sender may report one more photo now.

    The sender's other reports wait until the transaction that called this ends.

    Raises
    ------
    LimitExceededError
        With code ``report_limit``.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ONE_AT_A_TIME, [reporter_key])
    now = timezone.now()
    recent = SceneReport.objects.filter(reporter_key=reporter_key, created_at__gt=now - _HOUR)
    times = recent.order_by("-created_at").values_list("created_at", flat=True)[:REPORTS_AN_HOUR]
    if len(times) == REPORTS_AN_HOUR:
        wait_s = max(1, int((times[REPORTS_AN_HOUR - 1] + _HOUR - now).total_seconds()) + 1)
        detail = _("You have sent {count} reports within an hour. Try again in {minutes} minutes.")
        raise LimitExceededError(
            detail.format(count=REPORTS_AN_HOUR, minutes=-(-wait_s // 60)),
            code="report_limit",
            retry_after_s=wait_s,
        )
