"""The limits that the settings define."""

from __future__ import annotations

from django.conf import settings

from retrieval.decoding.limits import DecodingLimits
from retrieval.engine.photos.limits import PhotoLimits


def photo_limits() -> PhotoLimits:
    """Return the limits of a photo, for decoders, pages and messages alike."""
    return PhotoLimits(
        max_bytes=settings.SOUNDSCAPE_MAX_PHOTO_BYTES,
        max_pixels=settings.SOUNDSCAPE_MAX_PHOTO_PIXELS,
    )


def decoding_limits() -> DecodingLimits:
    """Return the limits of the processes that decode photos."""
    return DecodingLimits(photo=photo_limits())
