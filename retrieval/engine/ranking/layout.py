"""How the codes of a segment lie in memory."""

from __future__ import annotations

from typing import Final

BLOCK: Final = 128
"""Clips whose bounds are computed together, and skipped together."""

SUPERBLOCK: Final = 4096
"""Clips whose codes of one term lie side by side: one page of memory."""
