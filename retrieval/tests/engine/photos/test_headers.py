from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.engine.errors import ImageDecodeError
from retrieval.engine.photos.headers import (
    HEIF,
    JPEG,
    PNG,
    WEBP,
    check_complete,
    declared_size,
    sniff_media_type,
    turns_picture,
)
from retrieval.tests.engine.toy_photos import encoded, gradient

FORMATS = {JPEG: "JPEG", PNG: "PNG", WEBP: "WEBP", HEIF: "HEIF"}


@pytest.mark.parametrize("media_type", FORMATS)
def test_type_is_read_from_the_content(media_type):
    assert sniff_media_type(encoded(gradient(), FORMATS[media_type])) == media_type


@pytest.mark.parametrize(
    "data",
    [
        b"just a text that was renamed to photo.jpg",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b"%PDF-1.7\n",
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
        b"GIF89a" + bytes(60),
        b"II*\x00" + bytes(60),
        b"PK\x03\x04" + bytes(60),
        b"8BPS" + bytes(60),
        b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(60),
        b"\x00\x00\x00\x1cftypavif\x00\x00\x00\x00mif1avifmiaf",
        b"\x00\x00\x00\x1cftypmif1\x00\x00\x00\x00mif1avifmiaf",
        b"\x00\x00\x00\x1cftyphevc\x00\x00\x00\x00msf1heviheic",
        b"\x00\x00\x00\x1cftypmp42\x00\x00\x00\x00isommp42",
        b"RIFF\x10\x00\x00\x00WAVEfmt ",
        b"\xff",
    ],
)
def test_everything_else_is_refused(data):
    with pytest.raises(ImageDecodeError, match="not a JPEG") as raised:
        sniff_media_type(data)
    assert raised.value.code == "unsupported_media_type"


@pytest.mark.parametrize("media_type", [PNG, WEBP])
@pytest.mark.parametrize("size", [(96, 64), (17, 300)])
def test_header_has_the_size(media_type, size):
    photo = encoded(gradient(*size), FORMATS[media_type])
    assert declared_size(photo, media_type) == size


def test_header_has_the_size_of_lossless_and_transparent_webp():
    assert declared_size(encoded(gradient(), "WEBP", lossless=True), WEBP) == (96, 64)
    assert declared_size(encoded(gradient().convert("RGBA"), "WEBP"), WEBP) == (96, 64)
    extended = encoded(gradient(), "WEBP", icc_profile=b"x" * 200)
    assert extended[12:16] == b"VP8X"
    assert declared_size(extended, WEBP) == (96, 64)


@pytest.mark.parametrize("media_type", [PNG, WEBP])
def test_truncated_header_has_no_size(media_type):
    photo = encoded(gradient(), FORMATS[media_type])
    assert declared_size(photo[:20], media_type) is None


@pytest.mark.parametrize("media_type", [WEBP, HEIF])
@pytest.mark.parametrize("share", [0.3, 0.99])
def test_truncated_file_is_detected(media_type, share):
    photo = encoded(gradient(), FORMATS[media_type])
    with pytest.raises(ImageDecodeError, match="is truncated") as raised:
        check_complete(photo[: int(len(photo) * share)], media_type)
    assert raised.value.code == "image_truncated"


@pytest.mark.parametrize("media_type", FORMATS)
def test_complete_file_is_accepted_also_with_bytes_after_it(media_type):
    photo = encoded(gradient(), FORMATS[media_type])
    check_complete(photo, media_type)
    check_complete(photo + b"<script>alert(1)</script>" * 9, media_type)


@settings(deadline=None)
@given(st.binary(max_size=400), st.sampled_from(sorted(FORMATS)))
def test_any_bytes_are_parsed_or_rejected(tail, media_type):
    photo = encoded(gradient(16, 16), FORMATS[media_type])[:24] + tail
    declared_size(photo, media_type)
    turns_picture(photo)
    with suppress(ImageDecodeError):
        check_complete(photo, media_type)
