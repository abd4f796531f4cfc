"""The limits of a photo."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoLimits:
    """What is accepted as a photo; metadata is counted in PNG only.

    Below a shortest side of 16 pixels almost every pixel of the network's 224 x 224 input would be
    interpolated.
    """

    max_bytes: int
    max_pixels: int
    max_side_px: int = 30_000  # panoramas
    min_side_px: int = 16
    max_metadata_bytes: int = 8_000_000

    @property
    def max_megabytes(self) -> str:
        """The largest file in megabytes, as pages and messages show it."""
        return f"{self.max_bytes / 1e6:g}"

    @property
    def max_megapixels(self) -> str:
        """The most pixels in megapixels, as pages and messages show it."""
        return f"{self.max_pixels / 1e6:g}"
