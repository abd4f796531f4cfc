from __future__ import annotations

import numpy as np
import pytest

from retrieval.engine.errors import ImageDecodeError
from retrieval.engine.photos.images import open_photo
from retrieval.engine.photos.jpeg import check_cost
from retrieval.tests.engine.toy_photos import PHOTO_LIMITS, encoded, gradient

SCAN = b"\xff\xda"


def code_of(photo):
    with pytest.raises(ImageDecodeError) as raised:
        open_photo(photo, PHOTO_LIMITS)
    return raised.value.code


def with_scan_repeated(times, size=(96, 64)):
    photo = encoded(gradient(*size), "JPEG", progressive=True)
    start = photo.rindex(SCAN)
    return photo[:start] + photo[start:-2] * times + photo[-2:]


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("lost", [1, 2])
def test_file_without_end_is_accepted(progressive, lost):
    photo = encoded(gradient(), "JPEG", progressive=progressive)
    found = np.asarray(open_photo(photo[:-lost], PHOTO_LIMITS))
    assert np.array_equal(found, np.asarray(open_photo(photo, PHOTO_LIMITS)))


@pytest.mark.parametrize("share", [0.7, 0.95])
def test_missing_pixels_are_refused(share):
    photo = encoded(gradient(480, 320), "JPEG")
    assert code_of(photo[: int(len(photo) * share)]) == "image_truncated"


def test_scans_cost_as_many_pixels_as_they_go_over():
    check_cost(with_scan_repeated(1_000))
    check_cost(with_scan_repeated(10, (3_000, 2_000)))
    assert code_of(with_scan_repeated(900, (3_000, 2_000))) == "image_too_complex"


@pytest.mark.parametrize(
    "photo",
    [
        b"\xff\xd8\xff" + b"\xff" * 100_000,
        b"\xff\xd8\xff\xe0\x00\x02" + bytes(100_000) + b"\xff\xd9",
        b"\xff\xd8" + b"\xff\xfe\x00\x02" * 6_000 + b"\xff\xd9",
    ],
    ids=["fill bytes", "junk", "comments"],
)
def test_header_that_costs_time_is_refused(photo):
    assert code_of(photo) in {"image_too_complex", "image_decode_failed"}


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"optimize": True}])
def test_photos_of_encoders_are_cheap(options):
    check_cost(encoded(gradient(), "JPEG", **options))
