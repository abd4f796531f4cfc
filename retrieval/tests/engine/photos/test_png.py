from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.engine.errors import ImageDecodeError
from retrieval.engine.photos.images import open_photo
from retrieval.engine.photos.png import SIGNATURE, picture_only
from retrieval.tests.engine.toy_photos import (
    PHOTO_LIMITS,
    encoded,
    gradient,
    png_chunk,
    with_chunks,
)

PHOTO = encoded(gradient(), "PNG")
END = png_chunk(b"IEND", b"")


def wrong(chunk):
    return chunk[:-1] + bytes([chunk[-1] ^ 1])


def pixels(photo):
    return np.asarray(open_photo(photo, PHOTO_LIMITS))


def test_plain_file_stays_as_it_is():
    assert picture_only(PHOTO, max_metadata_bytes=0) == PHOTO


def test_texts_and_bytes_after_the_end_are_dropped():
    photo = with_chunks(PHOTO, png_chunk(b"tEXt", b"Comment\x00x"), png_chunk(b"tIME", bytes(7)))
    assert picture_only(photo + b"<script>", max_metadata_bytes=100) == PHOTO


@pytest.mark.parametrize(
    "chunk",
    [
        png_chunk(b"tEXt", b"Comment\x00x"),
        png_chunk(b"iCCP", b"profile\x00\x00" + bytes(20)),
        png_chunk(b"gAMA", (100_000).to_bytes(4, "big")),
        png_chunk(b"eXIf", b"MM"),
    ],
)
def test_wrong_checksum_beside_the_picture_is_no_fault(chunk):
    assert np.array_equal(pixels(with_chunks(PHOTO, wrong(chunk))), np.asarray(gradient()))


def test_wrong_checksum_in_the_picture_is_refused():
    at = PHOTO.index(b"IDAT") - 4
    length = 12 + int.from_bytes(PHOTO[at : at + 4], "big")
    photo = PHOTO[:at] + wrong(PHOTO[at : at + length]) + PHOTO[at + length :]
    with pytest.raises(ImageDecodeError):
        open_photo(photo, PHOTO_LIMITS)


@pytest.mark.parametrize("lost", [1, 4, 11, len(END)])
def test_file_without_end_is_accepted(lost):
    assert np.array_equal(pixels(PHOTO[:-lost]), np.asarray(gradient()))


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_missing_pixels_are_refused(share):
    with pytest.raises(ImageDecodeError, match="truncated") as raised:
        open_photo(PHOTO[: int(len(PHOTO) * share)], PHOTO_LIMITS)
    assert raised.value.code == "image_truncated"


@pytest.mark.parametrize(
    "chunks",
    [
        [png_chunk(b"tEXt", b"Comment\x00x")] * 10_000,
        [png_chunk(b"tEXt", b"Comment\x00" + b"x" * 10_000)],
    ],
    ids=["many", "large"],
)
def test_file_full_of_metadata_is_refused(chunks):
    with pytest.raises(ImageDecodeError, match="metadata chunks") as raised:
        picture_only(with_chunks(PHOTO, *chunks), max_metadata_bytes=10_000)
    assert raised.value.code == "image_metadata_too_large"


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_parsed_or_rejected(tail):
    with suppress(ImageDecodeError):
        assert picture_only(SIGNATURE + tail, max_metadata_bytes=1_000).startswith(SIGNATURE)
