"""Decode untrusted photos to upright 8-bit sRGB pixels without metadata.

Only the decoders of JPEG, PNG, WebP and HEIC are used; the file's content selects one.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image

from retrieval.engine.errors import ImageDecodeError
from retrieval.engine.photos import jpeg, png
from retrieval.engine.photos.colours import to_srgb
from retrieval.engine.photos.headers import (
    HEIF,
    JPEG,
    PILLOW_FORMATS,
    PNG,
    check_complete,
    declared_size,
    sniff_media_type,
    turns_picture,
)
from retrieval.engine.photos.limits import PhotoLimits

pillow_heif.register_heif_opener()

_WEB_IMAGE_QUALITY = 85
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


def read_photo(source: Path | bytes, limits: PhotoLimits) -> bytes:
    """Return the content of a photo, given as a file or as bytes, after checking its size.

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


def _check_bytes(size: int, limits: PhotoLimits) -> None:
    if size == 0:
        msg = "the file is empty"
        raise ImageDecodeError(msg, code="file_empty")
    if size > limits.max_bytes:
        msg = f"the file has {size} bytes, at most {limits.max_bytes} are accepted"
        raise ImageDecodeError(msg, code="file_too_large")


def open_photo(source: Path | bytes, limits: PhotoLimits) -> Image.Image:
    """Decode a photo of any accepted type to upright 8-bit sRGB (mode RGB), without metadata.

    The size is checked by the header, before any pixel is decoded. The first frame of an
    animation is used; transparent parts become white; 16-bit values are scaled to 8 bits. Colours
    are converted to sRGB, on which the network was trained.

    Raises
    ------
    ImageDecodeError
        With code ``file_unreadable``, ``file_empty``, ``file_too_large``,
        ``unsupported_media_type``, ``image_too_many_pixels``,
        ``image_bad_dimensions``, ``image_too_small``, ``image_truncated``,
        ``image_metadata_too_large``, ``image_too_complex`` or ``image_decode_failed``.
    """
    data = read_photo(source, limits)
    media_type = sniff_media_type(data)
    declared = declared_size(data, media_type)
    if declared is not None:
        _check_size(*declared, limits)
    check_complete(data, media_type)
    if media_type == PNG:
        data = png.picture_only(data, max_metadata_bytes=limits.max_metadata_bytes)
    if media_type == JPEG:
        jpeg.check_cost(data)
    try:
        return _decoded(data, media_type, limits)
    except ImageDecodeError as error:
        if media_type != JPEG or error.code != "image_truncated":
            raise
        return _decoded_without_end(data, limits, error)


def _decoded(data: bytes, media_type: str, limits: PhotoLimits) -> Image.Image:
    with (
        _decoding(limits),
        Image.open(BytesIO(data), formats=[PILLOW_FORMATS[media_type]]) as image,
    ):
        _check_size(*image.size, limits)
        if image.info.get("primary") is False:  # HEIC: only a tile or a thumbnail can be read
            msg = "the main picture of the photo cannot be decoded"
            raise ImageDecodeError(msg)
        image.load()
        photo = to_srgb(_upright(image, _orientation(image, data, media_type)))
    photo.info.clear()
    return photo


def _decoded_without_end(
    data: bytes, limits: PhotoLimits, truncated: ImageDecodeError
) -> Image.Image:
    """Decode a JPEG that lacks its end marker, if all pixels are there."""
    try:
        one, other = (_decoded(padded, JPEG, limits) for padded in jpeg.with_paddings(data))
    except ImageDecodeError:
        raise truncated from None
    if one.tobytes() != other.tobytes():
        raise truncated
    return one


@contextmanager
def _decoding(limits: PhotoLimits) -> Iterator[None]:
    """Convert every exception of a decoder to an error with a code."""
    # Pillow raises at twice its limit, which must not be below ours.
    Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS or 0, limits.max_pixels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except ImageDecodeError:
            raise
        except Image.DecompressionBombError as error:
            msg = f"the photo has too many pixels, at most {limits.max_pixels} in all are accepted"
            raise ImageDecodeError(msg, code="image_too_many_pixels") from error
        except Exception as error:  # decoders raise any class on damaged files, even KeyError
            msg = f"the photo cannot be decoded: {error}"
            raise ImageDecodeError(msg, code=_failure_code(str(error))) from error


def _failure_code(pillow_message: str) -> str:
    if "truncated" in pillow_message.lower():
        return "image_truncated"
    if "too large" in pillow_message:  # compressed text or profile that exceeds Pillow's limit
        return "image_metadata_too_large"
    return "image_decode_failed"


def _check_size(width_px: int, height_px: int, limits: PhotoLimits) -> None:
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


def _orientation(image: Image.Image, data: bytes, media_type: str) -> object:
    """Return the orientation that EXIF tells, if nothing else has turned the picture."""
    if media_type == HEIF:
        return None if turns_picture(data) else image.info.get("original_orientation")
    try:
        return image.getexif().get(_EXIF_ORIENTATION)
    except Exception:  # noqa: BLE001 - unreadable EXIF has no orientation; the pixels are usable
        return None


def _upright(image: Image.Image, orientation: object) -> Image.Image:
    turn = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def centre_square(image: Image.Image, side_px: int) -> NDArray[np.uint8]:
    """Crop the largest centred square of an RGB image and scale it to the network's input.

    Returns
    -------
    NDArray[np.uint8], shape (side_px, side_px, 3)
        RGB. Margins are rounded down; scaling is Pillow's bicubic with antialiasing.
    """
    edge = min(image.size)
    return _square(image, (image.width - edge) // 2, (image.height - edge) // 2, side_px)


def photo_views(image: Image.Image, side_px: int) -> NDArray[np.uint8]:
    """Return the crops of a photo that the network classifies: centre, both ends, and the whole.

    The edges of a scenery are as informative as its centre. All views of a square photo are the
    same, so only one is returned.

    Returns
    -------
    NDArray[np.uint8], shape (n, side_px, side_px, 3)
        RGB. First the result of `centre_square`; then the squares at the left and right (or top
        and bottom) end; last the whole photo, scaled to a square.
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
    """Encode an RGB image, scaled down to a longest side, as a JPEG without metadata.

    A progressive JPEG is smaller than PNG, supported everywhere, and several times faster to
    encode than WebP; an upload waits for it.
    """
    scale = min(1.0, max_side_px / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    shown = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    shown.info.clear()  # Pillow would write a comment from here
    target = BytesIO()
    shown.save(target, "JPEG", quality=_WEB_IMAGE_QUALITY, progressive=True)
    return target.getvalue()
