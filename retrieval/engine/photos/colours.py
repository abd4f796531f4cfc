"""Convert decoded photos of any colour space to 8-bit sRGB."""

from __future__ import annotations

from io import BytesIO
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

_MAX_PROFILE_BYTES: Final = 4_000_000
_SRGB_GAMMA: Final = 1 / 2.2  # as PNG states sRGB's
_SAME_GAMMA: Final = 0.02
_SAME_COLOUR: Final = 2  # of 255; profiles of sRGB differ by rounding


def to_srgb(image: Image.Image) -> Image.Image:
    """Return a photo as 8-bit sRGB (mode RGB), transparent parts on white.

    An embedded profile decides, whatever its name; without one the gamma that a PNG states;
    without either the values are sRGB, as browsers assume.
    """
    grey = _grey_of_16_bits(image)
    if grey is not None or image.mode == "L":
        flat = grey or image
        return _by_profile(flat, image, "GRAY") or _by_gamma(flat.convert("RGB"), image)
    if image.mode == "CMYK":
        return _by_profile(image, image, "CMYK") or image.convert("RGB")
    if image.mode == "LA":
        image = _flat_grey(image)
        return _by_profile(image, image, "GRAY") or _by_gamma(image.convert("RGB"), image)
    flat = _on_white(image) if image.has_transparency_data else image.convert("RGB")
    return _by_profile(flat, image, "RGB") or _by_gamma(flat, image)


def _grey_of_16_bits(image: Image.Image) -> Image.Image | None:
    """Scale 0..65535 to 0..255; Pillow's conversion would clip at 255."""
    if not image.mode.startswith("I") and image.mode != "F":
        return None
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


def _flat_grey(image: Image.Image) -> Image.Image:
    flat = Image.new("L", image.size, 255)
    flat.paste(image.getchannel("L"), mask=image.getchannel("A"))
    flat.info = image.info
    return flat


def _by_profile(pixels: Image.Image, image: Image.Image, colour_space: str) -> Image.Image | None:
    """Convert by the image's profile; None if there is no usable one of this colour space."""
    raw = image.info.get("icc_profile")
    if not isinstance(raw, bytes) or not 0 < len(raw) <= _MAX_PROFILE_BYTES:
        return None
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(raw))
        if profile.profile.xcolor_space.strip() != colour_space:
            return None
        transform = ImageCms.buildTransform(
            profile, ImageCms.createProfile("sRGB"), pixels.mode, "RGB"
        )
        if colour_space == "RGB" and _changes_nothing(transform):
            return pixels
        return ImageCms.applyTransform(pixels, transform)
    except (OSError, ImageCms.PyCMSError):  # a profile without usable tables is ignored
        return None


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    """Return whether a transform leaves colours as they are, tried on a grid of them.

    Most photos have a profile of sRGB itself, under many names; converting all pixels by it would
    cost time and change nothing.
    """
    steps = np.linspace(0, 255, 9).astype(np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
    converted = ImageCms.applyTransform(Image.fromarray(grid), transform)
    difference = np.abs(np.asarray(converted).astype(int) - grid)
    return int(difference.max()) <= _SAME_COLOUR


def _by_gamma(pixels: Image.Image, image: Image.Image) -> Image.Image:
    """Convert by the gamma that a PNG states beside its pixels, unless it states sRGB."""
    gamma = image.info.get("gamma")
    if not isinstance(gamma, float) or "srgb" in image.info or not 0.01 < gamma < 10:
        return pixels
    if abs(gamma - _SRGB_GAMMA) <= _SAME_GAMMA:
        return pixels
    table = _srgb_of_light((np.arange(256) / 255) ** (1 / gamma))
    return pixels.point(table.tolist() * 3)


def _srgb_of_light(light: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Encode linear light 0..1 as 8-bit sRGB (IEC 61966-2-1)."""
    curved = 1.055 * light ** (1 / 2.4) - 0.055
    encoded = np.where(light <= 0.0031308, 12.92 * light, curved)
    return np.round(255 * encoded).astype(np.uint8)
