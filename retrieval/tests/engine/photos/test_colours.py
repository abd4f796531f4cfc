from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms

from retrieval.engine.photos.images import open_photo
from retrieval.tests.engine.toy_photos import (
    PHOTO_LIMITS,
    encoded,
    gradient,
    png_chunk,
    with_chunks,
)


def s15(value):
    return struct.pack(">i", round(value * 65_536))


def profile(name, *, grey=False, gamma=1.0):
    """An ICC profile (version 2) with the primaries of sRGB and a plain gamma."""
    curve = b"curv\x00\x00\x00\x00" + struct.pack(">IH", 1, round(gamma * 256)) + b"\x00\x00"
    text = name.encode() + b"\x00"
    description = b"desc\x00\x00\x00\x00" + struct.pack(">I", len(text)) + text + bytes(78)
    tags = {
        b"desc": description,
        b"wtpt": xyz(0.9642, 1, 0.8249),
        b"cprt": b"text\x00\x00\x00\x00-\x00",
    }
    if grey:
        tags[b"kTRC"] = curve
    else:
        primaries = {b"r": (0.4361, 0.2225, 0.0139), b"g": (0.3851, 0.7169, 0.0971)}
        primaries[b"b"] = (0.1431, 0.0606, 0.7141)
        for letter, values in primaries.items():
            tags[letter + b"XYZ"], tags[letter + b"TRC"] = xyz(*values), curve
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for tag, content in tags.items():
        padded = content + bytes(-len(content) % 4)
        table += tag + struct.pack(">II", start + len(body), len(content))
        body += padded
    head = struct.pack(
        ">I4sI4s4s4s12x4s4s28x", 128 + len(table) + len(body), b"", 0x02400000, b"mntr",
        b"GRAY" if grey else b"RGB ", b"XYZ ", b"acsp", b"",
    )  # fmt: skip
    head = head.ljust(68, b"\x00") + s15(0.9642) + s15(1) + s15(0.8249)
    return head.ljust(128, b"\x00") + table + body


def xyz(x, y, z):
    return b"XYZ \x00\x00\x00\x00" + s15(x) + s15(y) + s15(z)


def linear(image):
    """The same picture with linear values."""
    shares = np.asarray(image) / 255
    light = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    return Image.fromarray(np.round(255 * light).astype(np.uint8))


def brightness(photo):
    return np.asarray(open_photo(photo, PHOTO_LIMITS)).mean(axis=(0, 1))


BRIGHT = Image.effect_mandelbrot((64, 48), (-2, -1, 1, 1), 50).point(lambda v: 120 + v // 2)


@pytest.mark.parametrize("name", ["sRGB linear", "Linear"])
def test_profile_decides_by_its_content_not_by_its_name(name):
    photo = encoded(linear(gradient()), "PNG", icc_profile=profile(name))
    expected = np.asarray(gradient()).mean(axis=(0, 1))
    assert brightness(photo) == pytest.approx(expected, abs=3)


@pytest.mark.parametrize("mode", ["L", "LA"])
@pytest.mark.parametrize("file_format", ["PNG", "JPEG"])
def test_grey_photo_with_a_profile(mode, file_format):
    if (mode, file_format) == ("LA", "JPEG"):
        mode = "L"
    grey = linear(BRIGHT).convert(mode)
    photo = encoded(grey, file_format, icc_profile=profile("Grey", grey=True))
    assert brightness(photo).mean() == pytest.approx(np.asarray(BRIGHT).mean(), abs=3)


def test_gamma_of_a_png_without_profile():
    chunk = png_chunk(b"gAMA", (100_000).to_bytes(4, "big"))
    photo = with_chunks(encoded(linear(gradient()), "PNG"), chunk)
    expected = np.asarray(gradient()).mean(axis=(0, 1))
    assert brightness(photo) == pytest.approx(expected, abs=3)


@pytest.mark.parametrize(
    "chunks",
    [
        [png_chunk(b"gAMA", (45_455).to_bytes(4, "big"))],
        [png_chunk(b"gAMA", (0).to_bytes(4, "big"))],
        [png_chunk(b"sRGB", b"\x00"), png_chunk(b"gAMA", (100_000).to_bytes(4, "big"))],
    ],
    ids=["of sRGB", "none", "beside sRGB"],
)
def test_gamma_that_changes_nothing(chunks):
    photo = with_chunks(encoded(gradient(), "PNG"), *chunks)
    assert np.array_equal(np.asarray(open_photo(photo, PHOTO_LIMITS)), np.asarray(gradient()))


def test_profile_of_srgb_changes_no_pixel():
    raw = BytesIO(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()).getvalue()
    photo = encoded(gradient(), "PNG", icc_profile=raw)
    assert np.array_equal(np.asarray(open_photo(photo, PHOTO_LIMITS)), np.asarray(gradient()))


def test_grey_of_16_bits_with_a_linear_profile():
    samples = (np.asarray(linear(BRIGHT)).astype(np.uint16)) * 257
    photo = encoded(Image.fromarray(samples), "PNG", icc_profile=profile("Grey", grey=True))
    assert brightness(photo).mean() == pytest.approx(np.asarray(BRIGHT).mean(), abs=3)
