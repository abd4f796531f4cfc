"""Invalid and hostile photos with the expected answers."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from functools import partial
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from retrieval.tests.bad_inputs import heif
from retrieval.tests.bad_inputs.cases import ACCEPTED, PhotoCase, photo_cases
from retrieval.tests.engine.toy_photos import (
    encoded,
    gradient,
    png,
    png_chunk,
    png_pixels,
    with_chunks,
)

SCRIPT = b"<script>alert('stolen')</script>"
SQL = b"'; DROP TABLE retrieval_scene; --"
HTML = b"<html><body>" + SCRIPT + b"</body></html>"
SECRET_PLACE = "52.5163 N, Secret Garden"

_ORIENTATION, _DESCRIPTION, _GPS, _EXIF_IFD, _SERIAL = 0x0112, 0x010E, 0x8825, 0x8769, 0xA431


def jpeg(**options: Any) -> bytes:
    return encoded(gradient(), "JPEG", **options)


def plain_png() -> bytes:
    return encoded(gradient(), "PNG")


def html_chunk() -> bytes:
    return png_chunk(b"tEXt", b"Comment\x00" + HTML)


def archive() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as zipped:
        zipped.writestr("payload.html", HTML)
    return stream.getvalue()


def flood() -> bytes:
    """169 megapixels in about 20 kB."""
    side = 13_000
    pixels = zlib.compress(bytes((side // 8 + 1) * side))
    return png(side, side, png_chunk(b"IDAT", pixels), depth=1, colour=0)


def small(width_px: int, height_px: int) -> bytes:
    return png(width_px, height_px, png_pixels(np.zeros((height_px, width_px, 3), np.uint8)))


def texts(number: int) -> bytes:
    chunk = png_chunk(b"tEXt", b"Comment\x00some words")
    return with_chunks(plain_png(), chunk * number)


def packed_text(size: int) -> bytes:
    content = b"Comment\x00\x00" + zlib.compress(bytes(size), 9)
    return with_chunks(plain_png(), png_chunk(b"zTXt", content))


def packed_profile(size: int) -> bytes:
    content = b"profile\x00\x00" + zlib.compress(bytes(size), 9)
    return with_chunks(plain_png(), png_chunk(b"iCCP", content))


def many_frames(file_format: str, number: int) -> bytes:
    frames = [Image.new("RGB", (32, 24), (n % 256, n // 256, 60)) for n in range(number)]
    return encoded(
        frames[0], file_format, save_all=True, append_images=frames[1:], duration=10, loop=0
    )


def mode(name: str, file_format: str = "PNG", **options: Any) -> bytes:
    return encoded(gradient().convert(name), file_format, **options)


def deep_grey() -> bytes:
    ramp = np.linspace(0, 65_535, 64 * 64, dtype=np.uint16).reshape(64, 64)
    return encoded(Image.fromarray(ramp), "PNG")


def oriented(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[_ORIENTATION] = orientation
    return jpeg(exif=tags.tobytes())


def located() -> bytes:
    tags = Image.Exif()
    tags[_DESCRIPTION] = SECRET_PLACE
    tags.get_ifd(_GPS).update({1: "N", 2: (52.0, 30.0, 58.0), 3: "E", 4: (13.0, 22.0, 39.0)})
    tags.get_ifd(_EXIF_IFD)[_SERIAL] = "serial-4711"
    return jpeg(exif=tags.tobytes(), comment=SECRET_PLACE.encode())


def exif_segment(tiff: bytes) -> bytes:
    """A JPEG with the given EXIF data."""
    content = b"Exif\x00\x00" + tiff
    return jpeg()[:2] + b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content + jpeg()[2:]


def cyclic_exif() -> bytes:
    entries = [(tag, 4, 1, 8) for tag in (_EXIF_IFD, _GPS)]
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return exif_segment(b"II*\x00\x08\x00\x00\x00" + directory + struct.pack("<I", 8))


def exif_of_one_text(tag: int, length: int) -> bytes:
    entry = struct.pack("<HHII", tag, 2, length, 8)
    return exif_segment(b"II*\x00\x08\x00\x00\x00\x01\x00" + entry + bytes(4))


def scripted() -> bytes:
    tags = Image.Exif()
    tags[_DESCRIPTION] = (SCRIPT + SQL).decode()
    xmp = b"<x:xmpmeta>" + SCRIPT + SQL + b"</x:xmpmeta>"
    return jpeg(exif=tags.tobytes(), xmp=xmp, comment=SCRIPT)


def progressive(side_px: int, scans: int) -> bytes:
    """A JPEG that repeats its last scan; each scan is a pass over all its blocks."""
    flat = Image.fromarray(np.full((side_px, side_px), 77, np.uint8))
    photo = encoded(flat, "JPEG", progressive=True, quality=30)
    last = photo.rindex(b"\xff\xda")
    return photo[:last] + photo[last:-2] * scans + photo[-2:]


def broken_checksum() -> bytes:
    photo = bytearray(plain_png())
    photo[photo.index(b"IDAT") + 10] ^= 0xFF
    return bytes(photo)


def other(file_format: str) -> bytes:
    return encoded(gradient(), file_format)


def endless_profile() -> bytes:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    struct.pack_into(">I", profile, 0, 0xFFFF_FFFF)
    return jpeg(icc_profile=bytes(profile))


_DAMAGED = ("image_decode_failed", "image_truncated")
_HARMLESS = (ACCEPTED, *_DAMAGED)

CASES = photo_cases(
    {
        ("file_empty",): [(1, "empty.jpg", bytes)],
        ("file_too_large",): [(4, "21-megabytes.jpg", lambda: jpeg() + bytes(20_000_000))],
        ("unsupported_media_type",): [
            (5, "text.jpg", lambda: b"just words"),
            (7, "svg.svg", lambda: b"<svg xmlns='http://www.w3.org/2000/svg'>" + SCRIPT),
            (8, "eps.eps", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) (r) file\n"),
            (9, "pdf.pdf", lambda: b"%PDF-1.7\n1 0 obj << /JS (app.alert(1)) >>\n"),
            (10, "tiff-as.png", partial(other, "TIFF")),
            (10, "jpeg2000-as.png", partial(other, "JPEG2000")),
            (10, "bmp-as.png", partial(other, "BMP")),
            (10, "psd-as.png", lambda: b"8BPS\x00\x01" + bytes(200)),
            (10, "fits-as.png", lambda: b"SIMPLE  =                    T".ljust(2880)),
            (10, "gd-as.png", lambda: b"\xff\xfe\x00\x40\x00\x40\x01" + bytes(999)),
            (19, "10000-frames.gif", partial(many_frames, "GIF", 10_000)),
            (28, "sequence.heics", heif.sequence),
            (28, "avif.avif", partial(other, "AVIF")),
        ],
        (ACCEPTED,): [
            (6, "png-as.jpg", plain_png),
            (18, "profile-that-claims-4-gb.jpg", endless_profile),
            (19, "300-frames.webp", partial(many_frames, "WEBP", 300)),
            (20, "png-and-html.png", lambda: plain_png() + HTML),
            (20, "html-within.png", lambda: with_chunks(plain_png(), html_chunk())),
            (21, "jpeg-and-zip.jpg", lambda: jpeg() + archive()),
            (22, "cmyk.jpg", partial(mode, "CMYK", "JPEG")),
            (22, "16-bit.png", deep_grey),
            (22, "palette.png", partial(mode, "P")),
            (22, "grey-with-alpha.png", partial(mode, "LA")),
            (22, "one-bit.png", partial(mode, "1")),
            *((23, f"orientation-{n}.jpg", partial(oriented, n)) for n in range(1, 9)),
            (23, "orientation-of-text.jpg", partial(exif_of_one_text, _ORIENTATION, 9)),
            (24, "located.jpg", located),
            (26, "script-in-metadata.jpg", scripted),
            (27, "heic.heic", heif.still),
        ],
        ("image_truncated",): [
            (11, "truncated.jpg", lambda: jpeg()[: len(jpeg()) // 2]),
            (11, "truncated.png", lambda: plain_png()[:-20]),
        ],
        _DAMAGED: [
            (12, "header-only.jpg", lambda: jpeg()[:20]),
            (27, "breaks-off-within.heic", heif.with_a_part_that_breaks_off),
            (27, "beyond-its-end.heic", heif.with_one_extent_beyond_the_end),
            (27, "grid-without-tiles.heic", heif.odd_grid),
            (27, "grid-of-65536.heic", partial(heif.odd_grid, rows=256, columns=256)),
            (35, "broken-checksum.png", broken_checksum),
        ],
        ("image_too_many_pixels",): [
            (13, "169-megapixels.png", flood),
            (14, "claims-4-gigapixels.png", partial(png, 65_535, 65_535)),
        ],
        ("image_bad_dimensions",): [
            (15, "strip.png", partial(small, 50_000, 1)),
            (15, "pole.png", partial(small, 1, 50_000)),
        ],
        ("image_too_small",): [
            (16, "0x0.png", partial(png, 0, 0)),
            (16, "1x1.png", partial(small, 1, 1)),
        ],
        ("image_metadata_too_large",): [
            (17, "10000-texts.png", partial(texts, 10_000)),
            (17, "100-megabytes-of-text.png", partial(packed_text, 100_000_000)),
            (18, "profile-bomb.png", partial(packed_profile, 100_000_000)),
        ],
        (ACCEPTED, "image_metadata_too_large"): [
            (19, "300-frames-apng.png", partial(many_frames, "PNG", 300)),
        ],
        _HARMLESS: [
            (25, "cyclic-exif.jpg", cyclic_exif),
            (25, "exif-of-4-gb.jpg", partial(exif_of_one_text, _DESCRIPTION, 0xFFFF_FFFF)),
            (37, "1000-scans-small.jpg", partial(progressive, 64, 1_000)),
        ],
    }
)

SLOW = PhotoCase(37, "180-scans.jpg", partial(progressive, 5_000, 180), ("decode_timeout",))
"""Takes some 4 s to decode, as long as is admitted; tested with its own time limit."""

FILE_NAMES = (
    "../../etc/passwd",
    "..\\..\\windows\\system32\\drivers.jpg",
    "nul\x00byte.jpg",
    "x" * 300 + ".jpg",
    "photo\u202egpj.exe",
    "a.php.jpg",
    "CON",
    "😀🏞️.jpg",
    'a";\r\nX-Injected: yes\r\n\r\n<script>.jpg',
    "~/.ssh/authorized_keys",
)
"""29: file names with a special meaning elsewhere; stored files are named by their content."""
