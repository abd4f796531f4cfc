from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageFile

from retrieval.engine.errors import ImageDecodeError
from retrieval.engine.photos.images import (
    centre_square,
    encode_for_web,
    open_photo,
    photo_views,
)
from retrieval.tests.engine.toy_photos import (
    PHOTO_LIMITS,
    encoded,
    gradient,
    png,
    png_chunk,
    png_pixels,
    with_chunks,
)

FORMATS = ["JPEG", "PNG", "WEBP", "HEIF"]
GPS_INFO, GPS_LATITUDE = 0x8825, 2
ORIENTATION = 0x0112


def code_of(source, limits=PHOTO_LIMITS):
    with pytest.raises(ImageDecodeError) as raised:
        open_photo(source, limits)
    return raised.value.code


def close(image, expected, *, within):
    assert image.mode == "RGB"
    difference = np.asarray(image).astype(int) - np.asarray(expected.convert("RGB")).astype(int)
    assert np.abs(difference).mean() <= within


# --- formats and modes ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file_format", "within"), [("JPEG", 3), ("PNG", 0), ("WEBP", 3), ("HEIF", 3)]
)
def test_every_accepted_format_gives_its_pixels(file_format, within):
    close(open_photo(encoded(gradient(), file_format), PHOTO_LIMITS), gradient(), within=within)


def test_content_selects_the_decoder(tmp_path):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(encoded(gradient(), "PNG"))
    close(open_photo(photo, PHOTO_LIMITS), gradient(), within=0)


def test_cmyk_jpeg_keeps_its_colours():
    cmyk = gradient().convert("CMYK")
    photo = encoded(cmyk, "JPEG", quality=95)
    assert Image.open(BytesIO(photo)).mode == "CMYK"
    close(open_photo(photo, PHOTO_LIMITS), gradient(), within=4)


def test_16_bit_grey_is_scaled_not_clipped():
    values = np.linspace(0, 65_535, 64 * 32).reshape(32, 64)
    photo = encoded(Image.fromarray(values.astype(np.uint16)), "PNG")
    pixels = np.asarray(open_photo(photo, PHOTO_LIMITS))
    assert np.abs(pixels[..., 0] - values / 257).max() <= 0.51
    assert (pixels[..., 0] == pixels[..., 2]).all()


def test_16_bit_rgb_is_scaled_not_clipped():
    values = np.linspace(0, 65_535, 32 * 64 * 3).reshape(32, 64, 3)
    photo = png(64, 32, png_pixels(values.astype(">u2")), depth=16)
    pixels = np.asarray(open_photo(photo, PHOTO_LIMITS))
    assert np.abs(pixels - values / 257).max() <= 1.0


def test_transparent_palette_colours_become_white():
    palette = Image.new("P", (32, 32), 0)
    palette.putpalette([200, 30, 40, 0, 0, 0])
    palette.paste(1, (16, 0, 32, 32))
    pixels = np.asarray(open_photo(encoded(palette, "PNG", transparency=1), PHOTO_LIMITS))
    assert pixels[0, 0].tolist() == [200, 30, 40]
    assert pixels[0, 31].tolist() == [255, 255, 255]


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("RGBA", (200, 0, 0, 0), [255, 255, 255]),
        ("RGBA", (200, 0, 0, 128), [227, 127, 127]),
        ("LA", (0, 128), [127, 127, 127]),
        ("L", 77, [77, 77, 77]),
        ("1", 1, [255, 255, 255]),
    ],
)
def test_transparent_and_grey_photos(mode, colour, expected):
    photo = encoded(Image.new(mode, (32, 32), colour), "PNG")
    assert np.asarray(open_photo(photo, PHOTO_LIMITS))[5, 5].tolist() == pytest.approx(
        expected, abs=1
    )


@pytest.mark.parametrize("file_format", ["PNG", "WEBP"])
def test_first_frame_of_an_animation_is_used(file_format):
    others = [Image.new("RGB", (96, 64), colour) for colour in ("black", "blue", "red")]
    photo = encoded(
        gradient(), file_format, save_all=True, append_images=others, lossless=True, duration=50
    )
    assert getattr(Image.open(BytesIO(photo)), "n_frames", 1) == 4
    close(open_photo(photo, PHOTO_LIMITS), gradient(), within=0)


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(file_format, orientation):
    undo: dict[int, Callable[[np.ndarray], np.ndarray]] = {
        1: lambda image: image,
        2: lambda image: image[:, ::-1],
        3: lambda image: image[::-1, ::-1],
        4: lambda image: image[::-1],
        5: lambda image: image.transpose(1, 0, 2),
        6: np.rot90,
        7: lambda image: np.rot90(image, 2).transpose(1, 0, 2),
        8: lambda image: np.rot90(image, -1),
    }
    stored = Image.fromarray(np.ascontiguousarray(undo[orientation](np.asarray(gradient()))))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    photo = encoded(stored, file_format, exif=exif.tobytes())
    close(open_photo(photo, PHOTO_LIMITS), gradient(), within=4)


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff" + b"\x12\x01\x03\x00\xff\xff\xff\xff" * 9,
        b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x69\x87\x04\x00\x01\x00\x00\x00\x08\x00\x00\x00",
        b"Exif\x00\x00nonsense",
        b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x02\x00\x04\x00\x00\x00abc\x00",
    ],
    ids=["huge counts", "cyclic directory", "nonsense", "orientation is a text"],
)
def test_malformed_exif_is_ignored(exif):
    close(open_photo(encoded(gradient(), "JPEG", exif=exif), PHOTO_LIMITS), gradient(), within=3)


# --- colour profiles -----------------------------------------------------------------------


def swapped_profile() -> bytes:
    """The sRGB profile with red and green exchanged, so that a conversion is visible."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {
        bytes(profile[i : i + 4]): i
        for i in range(132, 132 + 12 * int.from_bytes(profile[128:132], "big"), 12)
    }
    for red, green in ((b"rXYZ", b"gXYZ"), (b"rTRC", b"gTRC")):
        i, j = tags[red] + 4, tags[green] + 4
        profile[i : i + 8], profile[j : j + 8] = profile[j : j + 8], profile[i : i + 8]
    start = profile.index("sRGB".encode("utf-16-be"))
    profile[start : start + 8] = "RGsB".encode("utf-16-be")
    return bytes(profile)


def test_embedded_profile_is_converted_to_srgb():
    photo = encoded(gradient(), "PNG", icc_profile=swapped_profile())
    red, green, blue = gradient().split()
    close(open_photo(photo, PHOTO_LIMITS), Image.merge("RGB", (green, red, blue)), within=1.5)


@pytest.mark.parametrize(
    "profile",
    [
        b"not a profile",
        swapped_profile()[:300],
        ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    ],
    ids=["nonsense", "truncated", "of another colour space", "sRGB itself"],
)
def test_other_profiles_change_nothing(profile):
    photo = encoded(gradient(), "PNG", icc_profile=profile)
    close(open_photo(photo, PHOTO_LIMITS), gradient(), within=0)


# --- refused -------------------------------------------------------------------------------


def test_empty_file(tmp_path):
    photo = tmp_path / "empty.jpg"
    photo.touch()
    assert code_of(photo) == code_of(b"") == "file_empty"


def test_missing_file(tmp_path):
    assert code_of(tmp_path / "nowhere.jpg") == "file_unreadable"
    assert code_of(tmp_path) == "file_unreadable"


def test_file_that_is_too_large_is_not_read(tmp_path):
    photo = tmp_path / "large.jpg"
    with photo.open("wb") as file:
        file.truncate(10**12)
    assert code_of(photo) == "file_too_large"
    assert code_of(bytes(21), replace(PHOTO_LIMITS, max_bytes=20)) == "file_too_large"


def test_other_types_are_refused():
    assert code_of(b"<svg xmlns='http://www.w3.org/2000/svg'/>") == "unsupported_media_type"
    assert code_of(encoded(gradient(), "TIFF")) == "unsupported_media_type"
    assert code_of(encoded(gradient(), "GIF")) == "unsupported_media_type"


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("share", [0.6, 0.9, 0.99])
def test_truncated_photo(file_format, share):
    photo = encoded(gradient(640, 480), file_format)
    assert code_of(photo[: int(len(photo) * share)]) == "image_truncated"


def test_header_without_picture():
    assert code_of(encoded(gradient(), "JPEG")[:20]) == "image_decode_failed"


def test_broken_checksum():
    photo = bytearray(encoded(gradient(), "PNG"))
    photo[60] ^= 0xFF
    assert code_of(bytes(photo)) == "image_decode_failed"


@pytest.mark.parametrize(
    ("size", "code"),
    [
        ((65_535, 65_535), "image_too_many_pixels"),
        ((13_000, 13_000), "image_too_many_pixels"),
        ((10_000, 6_000), "image_too_many_pixels"),
        ((50_000, 1), "image_bad_dimensions"),
        ((1, 50_000), "image_bad_dimensions"),
        ((30_001, 100), "image_bad_dimensions"),
        ((1, 1), "image_too_small"),
        ((0, 0), "image_too_small"),
        ((15, 400), "image_too_small"),
    ],
)
def test_size_is_checked_before_pillow_opens_a_png(size, code, pillow_unused):
    assert code_of(png(*size)) == code


@pytest.fixture
def pillow_unused(monkeypatch):
    def refuse(*arguments, **options):
        pytest.fail("Pillow opened the file")

    monkeypatch.setattr(Image, "open", refuse)


@pytest.fixture
def no_pixels(monkeypatch):
    def refuse(*arguments, **options):
        pytest.fail("pixels were decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", refuse)


@pytest.mark.parametrize(
    ("size", "code"),
    [
        ((65_535, 65_535), "image_too_many_pixels"),
        ((10_000, 10_000), "image_too_many_pixels"),
        ((10_000, 6_000), "image_too_many_pixels"),
        ((30_001, 100), "image_bad_dimensions"),
        ((15, 400), "image_too_small"),
        ((0, 1), "image_decode_failed"),
    ],
)
def test_size_of_a_jpeg_is_checked_before_its_pixels_are_decoded(size, code, no_pixels):
    jpeg = bytearray(encoded(gradient(), "JPEG"))
    struct.pack_into(">HH", jpeg, jpeg.index(b"\xff\xc0") + 5, *size)
    assert code_of(bytes(jpeg)) == code


def test_webp_that_claims_4_gb(pillow_unused):
    webp = bytearray(encoded(gradient(), "WEBP", icc_profile=b"x" * 200))
    webp[24:30] = b"\xff\xff\x00\xff\xff\x00"
    assert code_of(bytes(webp)) == "image_too_many_pixels"


def test_limit_may_exceed_pillows_default():
    """Pillow's default limit is 179 megapixels."""
    photo = encoded(Image.new("1", (12_000, 16_000)), "PNG")
    limits = replace(PHOTO_LIMITS, max_pixels=200_000_000, max_side_px=20_000)
    assert open_photo(photo, limits).size == (12_000, 16_000)


def test_heic_that_claims_4_gb():
    heic = bytearray(encoded(gradient(), "HEIF"))
    start = heic.index(b"ispe") + 8
    assert struct.unpack_from(">II", heic, start) == (96, 64)
    struct.pack_into(">II", heic, start, 30_000, 30_000)
    assert code_of(bytes(heic)) == "image_too_many_pixels"


@pytest.mark.parametrize(
    "chunk",
    [
        png_chunk(b"zTXt", b"Comment\x00\x00" + zlib.compress(bytes(50_000_000))),
        png_chunk(b"iTXt", b"Comment\x00\x01\x00\x00\x00" + zlib.compress(bytes(50_000_000))),
        png_chunk(b"iCCP", b"profile\x00\x00" + zlib.compress(bytes(50_000_000))),
        png_chunk(b"tEXt", b"Comment\x00x") * 10_000,
    ],
    ids=["compressed text", "international text", "profile", "many"],
)
def test_metadata_bombs(chunk):
    photo = with_chunks(encoded(gradient(), "PNG"), chunk)
    assert code_of(photo) == "image_metadata_too_large"


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_photos_decode_or_have_a_code(data):
    photo = bytearray(encoded(gradient(), data.draw(st.sampled_from(FORMATS))))
    for _ in range(data.draw(st.integers(1, 8))):
        photo[data.draw(st.integers(0, len(photo) - 1))] = data.draw(st.integers(0, 255))
    with suppress(ImageDecodeError):
        assert open_photo(bytes(photo), PHOTO_LIMITS).mode == "RGB"


# --- results ---------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(300, 200), (200, 301), (224, 224), (17, 16)])
def test_margins_of_the_centre_square_are_rounded_down(size):
    width, height = size
    edge = min(size)
    top, left = (height - edge) // 2, (width - edge) // 2
    pixels = np.asarray(gradient(*size))[top : top + edge, left : left + edge]
    expected = Image.fromarray(np.ascontiguousarray(pixels)).resize(
        (224, 224), Image.Resampling.BICUBIC
    )
    square = centre_square(gradient(*size), 224)
    assert square.shape == (224, 224, 3)
    assert square.dtype == np.uint8
    assert np.array_equal(square, np.asarray(expected))


def scaled(pixels):
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(image.resize((224, 224), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("size", [(300, 200), (301, 200), (1200, 90), (200, 301), (17, 40)])
def test_views_are_centre_both_ends_and_whole(size):
    photo = gradient(*size)
    pixels, edge = np.asarray(photo), min(size)

    views = photo_views(photo, 224)

    assert views.shape == (4, 224, 224, 3)
    assert views.dtype == np.uint8
    assert np.array_equal(views[0], centre_square(photo, 224))
    assert np.array_equal(views[1], scaled(pixels[:edge, :edge]))
    assert np.array_equal(views[2], scaled(pixels[-edge:, -edge:]))
    assert np.array_equal(views[3], scaled(pixels))


def test_views_include_the_edges_of_a_wide_photo():
    """A red strip at the left end and a blue one at the right are outside the centre."""
    wide = Image.new("RGB", (600, 200))
    wide.paste((255, 0, 0), (0, 0, 100, 200))
    wide.paste((0, 0, 255), (500, 0, 600, 200))
    centre, left, right, whole = photo_views(wide, 32).reshape(4, -1, 3).max(axis=1).tolist()
    assert centre == [0, 0, 0]
    assert (left[0], left[2]) == (255, 0)
    assert (right[0], right[2]) == (0, 255)
    assert (whole[0], whole[2]) == (255, 255)


def test_square_photo_has_one_view():
    square = gradient(150, 150)
    views = photo_views(square, 224)
    assert views.shape == (1, 224, 224, 3)
    assert views.dtype == np.uint8
    assert np.array_equal(views[0], scaled(np.asarray(square)))


@pytest.mark.parametrize("size", [(151, 150), (150, 151)])
def test_almost_square_photo_has_all_views(size):
    assert len(photo_views(gradient(*size), 32)) == 4


def test_kodak_photos_are_decoded_unchanged(shared_dir):
    """They have no profile and no orientation, so decoding must not change a pixel."""
    for path in sorted((shared_dir / "photos" / "kodak").glob("*.png"))[:6]:
        assert np.array_equal(
            np.asarray(open_photo(path, PHOTO_LIMITS)), np.asarray(Image.open(path))
        )


def jpeg_segments(photo: bytes) -> set[int]:
    """Return the markers before the first scan."""
    markers, position = set(), 2
    while photo[position + 1] != 0xDA:
        markers.add(photo[position + 1])
        position += 2 + int.from_bytes(photo[position + 2 : position + 4], "big")
    return markers


@pytest.mark.parametrize("file_format", FORMATS)
def test_web_image_has_no_metadata(file_format):
    exif = Image.Exif()
    exif.get_ifd(GPS_INFO)[GPS_LATITUDE] = (48.0, 51.0, 24.0)
    exif[0x013B] = "Ansel Adams"
    photo = encoded(
        gradient(),
        file_format,
        exif=exif.tobytes(),
        xmp=b"<x:xmpmeta>secret</x:xmpmeta>",
        comment=b"secret",
        icc_profile=swapped_profile(),
    )
    assert b"Ansel Adams" in photo
    web = encode_for_web(open_photo(photo + b"<script>secret</script>", PHOTO_LIMITS), 1600)
    app0, quantisation, huffman, progressive = 0xE0, 0xDB, 0xC4, 0xC2
    assert jpeg_segments(web) <= {app0, quantisation, huffman, progressive}
    assert b"Ansel" not in web
    assert b"secret" not in web


def test_web_image_has_no_comment():
    commented = Image.open(BytesIO(encoded(gradient(), "JPEG", comment=b"secret")))
    assert b"secret" not in encode_for_web(commented, 1600)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((400, 200), (100, 50)),
        ((200, 400), (50, 100)),
        ((90, 60), (90, 60)),
        ((400, 40), (100, 10)),
    ],
)
def test_web_image_is_reduced_but_never_enlarged(size, expected):
    web = Image.open(BytesIO(encode_for_web(gradient(*size), 100)))
    assert web.size == expected
    close(web, gradient(*expected), within=8)
