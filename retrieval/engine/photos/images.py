"""From an untrusted image file to clean RGB pixels.

The only decoders reachable are those of JPEG, PNG, WebP and HEIC; the file's
content picks one of them. What comes out is always upright 8-bit sRGB without
metadata, so nothing of the upload but its pixels travels on.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image, ImageCms

from retrieval.engine.errors import ImageDecodeError
from retrieval.engine.photos.headers import (
    HEIF,
    JPEG,
    PNG,
    WEBP,
    check_complete,
    declared_size,
    sniff_media_type,
)

pillow_heif.register_heif_opener()

WEB_IMAGE_MEDIA_TYPE = JPEG

_PILLOW_FORMATS = {JPEG: "JPEG", PNG: "PNG", WEBP: "WEBP", HEIF: "HEIF"}
_WEB_IMAGE_QUALITY = 85
_MAX_PROFILE_BYTES = 4_000_000
_EXIF_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLimits:
    """What is accepted as a photo.

    Parameters
    ----------
    max_bytes : int
        Largest file.
    max_pixels : int
        Largest width times height.
    max_side_px : int
        Longest side.
    min_side_px : int
        Shortest side. Below 16 pixels there is no scenery to see: the network
        would judge 224 x 224 pixels that are all but interpolated.
    max_metadata_bytes : int
        Most metadata beside the pixels, where the format tells it apart (PNG).
    """

    max_bytes: int = 20_000_000
    max_pixels: int = 50_000_000
    max_side_px: int = 12_000
    min_side_px: int = 16
    max_metadata_bytes: int = 8_000_000


def read_photo(source: Path | bytes, limits: ImageLimits) -> bytes:
    """Read a photo's bytes, its size checked first.

    Parameters
    ----------
    source : Path or bytes
        The file, or its content.
    limits : ImageLimits
        What is accepted.

    Returns
    -------
    bytes
        The complete file.

    Raises
    ------
    ImageDecodeError
        ``file_unreadable``, ``file_empty`` or ``file_too_large``.
    """
    if isinstance(source, bytes):
        _check_bytes(len(source), limits)
        return source
    try:
        _check_bytes(source.stat().st_size, limits)
        return source.read_bytes()
    except OSError as error:
        msg = f"the file cannot be read: {error}"
        raise ImageDecodeError(msg, code="file_unreadable") from error


def _check_bytes(size: int, limits: ImageLimits) -> None:
    if size == 0:
        msg = "the file is empty"
        raise ImageDecodeError(msg, code="file_empty")
    if size > limits.max_bytes:
        msg = f"the file has {size} bytes, at most {limits.max_bytes} are accepted"
        raise ImageDecodeError(msg, code="file_too_large")


def open_photo(source: Path | bytes, limits: ImageLimits) -> Image.Image:
    """Decode a photo of any accepted type to upright 8-bit sRGB.

    Size and pixel count are judged by the header, before any pixel is decoded.
    Of an animation the first frame counts; transparent parts become white;
    16-bit values are scaled to 8 bits; an embedded colour profile (Display P3 on
    most phones) is converted to sRGB, which is what the network has learnt and
    what a browser assumes of a file without a profile.

    Parameters
    ----------
    source : Path or bytes
        The file, or its content.
    limits : ImageLimits
        What is accepted.

    Returns
    -------
    PIL.Image.Image
        Mode RGB, upright, without any metadata.

    Raises
    ------
    ImageDecodeError
        With code ``file_unreadable``, ``file_empty``, ``file_too_large``,
        ``unsupported_media_type``, ``image_too_many_pixels``,
        ``image_bad_dimensions``, ``image_too_small``, ``image_truncated``,
        ``image_metadata_too_large`` or ``image_decode_failed``.
    """
    data = read_photo(source, limits)
    media_type = sniff_media_type(data)
    claimed = declared_size(data, media_type)
    if claimed is not None:
        _check_size(*claimed, limits)
    check_complete(data, media_type, max_metadata_bytes=limits.max_metadata_bytes)
    with _decoder(), Image.open(BytesIO(data), formats=[_PILLOW_FORMATS[media_type]]) as image:
        _check_size(*image.size, limits)
        if image.info.get("primary") is False:  # HEIC: what is left is a tile, or a thumbnail
            msg = "the photo's main picture cannot be put together"
            raise ImageDecodeError(msg)
        image.load()
        photo = _to_rgb(_upright(image))
    photo.info.clear()
    return photo


@contextmanager
def _decoder() -> Iterator[None]:
    """Turn whatever a decoder throws at a damaged file into one error with a code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the file, and nobody's news but the uploader's
        try:
            yield
        except ImageDecodeError:
            raise
        except Image.DecompressionBombError as error:
            raise ImageDecodeError(str(error), code="image_too_many_pixels") from error
        except Exception as error:  # decoders raise anything at hostile bytes, even KeyError
            msg = f"the photo cannot be decoded: {error}"
            raise ImageDecodeError(msg, code=_failure_code(str(error))) from error


def _failure_code(pillow_message: str) -> str:
    if "truncated" in pillow_message.lower():
        return "image_truncated"
    if "too large" in pillow_message:  # compressed text or profile that unpacks beyond its bound
        return "image_metadata_too_large"
    return "image_decode_failed"


def _check_size(width_px: int, height_px: int, limits: ImageLimits) -> None:
    size = f"the photo has {width_px} x {height_px} pixels"
    if width_px * height_px > limits.max_pixels:
        msg = f"{size}, at most {limits.max_pixels} in all are accepted"
        raise ImageDecodeError(msg, code="image_too_many_pixels")
    if max(width_px, height_px) > limits.max_side_px:
        msg = f"{size}, at most {limits.max_side_px} a side are accepted"
        raise ImageDecodeError(msg, code="image_bad_dimensions")
    if min(width_px, height_px) < limits.min_side_px:
        msg = f"{size}, at least {limits.min_side_px} a side are needed"
        raise ImageDecodeError(msg, code="image_too_small")


def _upright(image: Image.Image) -> Image.Image:
    try:
        orientation = image.getexif().get(_EXIF_ORIENTATION)
    except Exception:  # noqa: BLE001 - unreadable EXIF tells no orientation; the pixels are fine
        return image
    turn = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return _from_16_bit_grey(image).convert("RGB")
    if image.mode == "CMYK":
        return _in_srgb(image, _embedded_profile(image, "CMYK"))
    flat = _on_white(image) if image.has_transparency_data else image.convert("RGB")
    return _in_srgb(flat, _embedded_profile(image, "RGB"))


def _from_16_bit_grey(image: Image.Image) -> Image.Image:
    """Scale 0..65535 to 0..255; Pillow's own conversion would clip at 255."""
    to_8_bit = ((np.arange(65_536) + 128) // 257).astype(np.uint8)
    samples = np.asarray(image)
    if samples.dtype != np.uint16:
        samples = samples.clip(0, 65_535).astype(np.uint16)
    return Image.fromarray(to_8_bit[samples])


def _on_white(image: Image.Image) -> Image.Image:
    layer = image if image.mode == "RGBA" else image.convert("RGBA")
    flat = Image.new("RGB", layer.size, "white")
    flat.paste(layer, mask=layer)
    return flat


def _embedded_profile(image: Image.Image, colour_space: str) -> ImageCms.ImageCmsProfile | None:
    """Read the colour profile; one that is absent, unreadable, foreign or sRGB itself is none."""
    raw = image.info.get("icc_profile")
    if not isinstance(raw, bytes) or not 0 < len(raw) <= _MAX_PROFILE_BYTES:
        return None
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(raw))
        description = ImageCms.getProfileDescription(profile)
    except (OSError, ImageCms.PyCMSError):
        return None
    foreign = profile.profile.xcolor_space.strip() != colour_space
    return None if foreign or "sRGB" in description else profile


def _in_srgb(image: Image.Image, profile: ImageCms.ImageCmsProfile | None) -> Image.Image:
    if profile is None:
        return image.convert("RGB")
    srgb = ImageCms.createProfile("sRGB")
    try:
        converted = ImageCms.profileToProfile(image, profile, srgb, outputMode="RGB")
    except ImageCms.PyCMSError:  # a profile without usable tables: the plain values stand
        converted = None
    return converted or image.convert("RGB")


def centre_square(image: Image.Image, side_px: int) -> NDArray[np.uint8]:
    """Cut the largest centred square and scale it to the network's input.

    Parameters
    ----------
    image : PIL.Image.Image
        Mode RGB.
    side_px : int
        Side of the result.

    Returns
    -------
    NDArray[np.uint8], shape (side_px, side_px, 3)
        RGB. Margins are floored; scaling is Pillow's bicubic with antialiasing.
    """
    edge = min(image.size)
    return _square(image, (image.width - edge) // 2, (image.height - edge) // 2, side_px)


def photo_views(image: Image.Image, side_px: int) -> NDArray[np.uint8]:
    """Return what the network sees of a photo: its centre, both its ends, and the whole of it.

    The edges of a scenery tell where one is as much as its middle. Of a square photo all of these
    are the same, and one is enough.

    Parameters
    ----------
    image : PIL.Image.Image
        Mode RGB.
    side_px : int
        Side of each view.

    Returns
    -------
    NDArray[np.uint8], shape (n, side_px, side_px, 3)
        RGB. First the centre square, as `centre_square` cuts it; then the squares at the left and
        right (or top and bottom) end; last the whole photo, squeezed into a square.
    """
    centre = centre_square(image, side_px)
    if image.width == image.height:
        return centre[np.newaxis]
    edge = min(image.size)
    return np.stack(
        [
            centre,
            _square(image, 0, 0, side_px),
            _square(image, image.width - edge, image.height - edge, side_px),
            np.asarray(image.resize((side_px, side_px), Image.Resampling.BICUBIC)),
        ]
    )


def _square(image: Image.Image, left: int, top: int, side_px: int) -> NDArray[np.uint8]:
    edge = min(image.size)
    square = image.crop((left, top, left + edge, top + edge))
    return np.asarray(square.resize((side_px, side_px), Image.Resampling.BICUBIC))


def encode_for_web(image: Image.Image, max_side_px: int) -> bytes:
    """Encode the pixels anew as a JPEG that carries nothing else.

    Parameters
    ----------
    image : PIL.Image.Image
        Mode RGB.
    max_side_px : int
        Longest side of the result; a smaller photo keeps its size.

    Returns
    -------
    bytes
        Progressive JPEG: smaller than PNG, read everywhere, and several times
        faster to write than WebP, which an upload would have to wait for.
    """
    scale = min(1.0, max_side_px / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    shown = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    shown.info.clear()  # Pillow would write a comment found here
    target = BytesIO()
    shown.save(target, "JPEG", quality=_WEB_IMAGE_QUALITY, progressive=True)
    return target.getvalue()
