"""Daily quotas, with real rows and real concurrency."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from retrieval.models import UploadTally
from retrieval.quotas.daily import check_quota, count_upload
from retrieval.quotas.limits import Allowance, LimitExceededError, UploadLimits
from retrieval.quotas.senders import browser_key, new_browser

pytestmark = pytest.mark.django_db

EVENING = datetime(2026, 11, 24, 22, 30, tzinfo=UTC)


def allowance(photos=0, megabytes=0, *, key="browser:ab", whose="one visitor"):
    return Allowance(key, whose, UploadLimits(photos, megabytes, 0))


def at(monkeypatch, moment):
    monkeypatch.setattr(timezone, "now", lambda: moment)


def test_photos_are_counted_up_to_the_limit(monkeypatch):
    at(monkeypatch, EVENING)
    mine = [allowance(photos=2)]
    for _ in range(2):
        check_quota(mine, byte_size=5)
        count_upload(mine, byte_size=5)
    for check in (check_quota, count_upload):
        with pytest.raises(LimitExceededError) as raised:
            check(mine, byte_size=5)
        assert raised.value.code == "quota_photos"
        assert raised.value.retry_after_s == 90 * 60 + 1
        assert raised.value.detail == (
            "We take 2 photos a day from one visitor, and this one would be more. "
            "Come back in 2 hours."
        )
    tally = UploadTally.objects.get()
    assert (tally.photos, tally.photo_bytes, tally.day) == (2, 10, EVENING.date())


def test_bytes_are_counted_up_to_the_limit():
    mine = [allowance(megabytes=1)]
    count_upload(mine, byte_size=600_000)
    count_upload(mine, byte_size=400_000)
    for check in (check_quota, count_upload):
        with pytest.raises(LimitExceededError, match="1 MB a day") as raised:
            check(mine, byte_size=1)
        assert raised.value.code == "quota_bytes"


def test_an_upload_counts_towards_all_allowances_or_none():
    address = allowance(photos=1, key="address:cd", whose="one network address")
    count_upload([address], byte_size=1)
    with pytest.raises(LimitExceededError, match="network address"):
        count_upload([allowance(photos=9), address], byte_size=1)
    assert UploadTally.objects.get(visitor="address:cd").photos == 1
    assert not UploadTally.objects.filter(visitor="browser:ab").exists()


def test_zero_means_unlimited():
    for _ in range(3):
        count_upload([allowance()], byte_size=10**12)
    check_quota([allowance()], byte_size=10**12)
    assert UploadTally.objects.get().photos == 3


def test_a_new_day_starts_at_zero_and_old_rows_are_deleted(monkeypatch):
    mine = [allowance(photos=1)]
    for days in range(4):
        at(monkeypatch, EVENING + timedelta(days=days))
        count_upload(mine, byte_size=1)
    kept = UploadTally.objects.order_by("day").values_list("day", flat=True)
    assert list(kept) == [(EVENING + timedelta(days=n)).date() for n in (2, 3)]


def test_a_rolled_back_upload_does_not_count():
    with transaction.atomic():
        count_upload([allowance()], byte_size=1)
        transaction.set_rollback(True)
    assert not UploadTally.objects.exists()


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_concurrent_uploads_do_not_exceed_the_limit():
    """From one address in many browsers, with the allowances in every order."""
    address = allowance(photos=10, key="address:cd")
    outcomes = []
    start = threading.Barrier(8)

    def send():
        start.wait()
        try:
            for _ in range(4):
                browser = allowance(key=browser_key(new_browser()))
                try:
                    count_upload([address, browser, allowance()], byte_size=1)
                    outcomes.append("taken")
                except LimitExceededError:
                    outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (outcomes.count("taken"), outcomes.count("refused")) == (10, 22)
    assert UploadTally.objects.get(visitor="address:cd").photos == 10
    assert UploadTally.objects.get(visitor="browser:ab").photos == 10
