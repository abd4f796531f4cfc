"""Receiving a photo: the order of its checks, and its single transaction."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from retrieval.engine.errors import ImageDecodeError
from retrieval.models import Scene, UploadTally
from retrieval.quotas.daily import count_upload
from retrieval.quotas.limits import Allowance, LimitExceededError, UploadLimits
from retrieval.services import uploads
from retrieval.services.uploads import QueueFullError, receive_photo
from retrieval.tests.factories import small_matchers
from retrieval.tests.photos import decoded_photo

pytestmark = pytest.mark.django_db

ONE_A_DAY = Allowance("browser:ab", "one visitor", UploadLimits(1, 0, 0))
UNLIMITED = Allowance("browser:ab", "one visitor", UploadLimits(0, 0, 0))


@pytest.fixture
def decode_by(monkeypatch, media_root):
    """Replace the decoder by a function."""
    monkeypatch.setattr(uploads, "matcher_in_force", lambda _name: small_matchers()["paper"])

    def replace(decode):
        pool = SimpleNamespace(decode_photo=decode)
        monkeypatch.setattr(uploads, "photo_pool", lambda: pool)

    return replace


def receive(allowance):
    return receive_photo(content=b"photo", allowances=[allowance], owner_id=None)


def test_an_exhausted_quota_is_noticed_before_decoding(decode_by):
    decode_by(lambda _: pytest.fail("decoded"))
    count_upload([ONE_A_DAY], byte_size=1)
    with pytest.raises(LimitExceededError):
        receive(ONE_A_DAY)


def test_a_quota_exhausted_during_decoding_stores_nothing(decode_by):
    def decode(_):
        count_upload([ONE_A_DAY], byte_size=1)  # another upload is faster
        return decoded_photo()

    decode_by(decode)
    with pytest.raises(LimitExceededError) as raised:
        receive(ONE_A_DAY)
    assert raised.value.code == "quota_photos"
    assert not Scene.objects.exists()
    assert UploadTally.objects.get().photos == 1


def test_a_full_queue_stores_and_counts_nothing(decode_by, settings):
    settings.SOUNDSCAPE_QUEUE_LIMIT = 0
    decode_by(lambda _: decoded_photo())
    with pytest.raises(QueueFullError):
        receive(UNLIMITED)
    assert not Scene.objects.exists()
    assert not UploadTally.objects.exists()


@pytest.mark.parametrize(("code", "counted"), [("image_truncated", 1), ("decoder_busy", 0)])
def test_only_faulty_photos_count(decode_by, code, counted):
    def decode(_):
        raise ImageDecodeError("no photo", code=code)

    decode_by(decode)
    with pytest.raises(ImageDecodeError):
        receive(UNLIMITED)
    assert sum(tally.photos for tally in UploadTally.objects.all()) == counted
