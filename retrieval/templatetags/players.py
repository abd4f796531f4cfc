"""Addresses and gains of recordings in players."""

from __future__ import annotations

from typing import Final

from django import template
from django.urls import reverse

from retrieval.models import Clip

register = template.Library()

TARGET_LUFS: Final = -20.0
MAX_TRUE_PEAK_DBTP: Final = -1.0
DUAL_MONO_LU: Final = 3.01
"""One channel comes out of two loudspeakers: twice the power (ITU-R BS.1770 sums channels)."""


@register.filter
def audio_url(clip: Clip) -> str:
    """Return the address of the file that browsers play."""
    return reverse("retrieval:clip_audio", args=[clip.pk, clip.played_version])


@register.filter
def download_url(clip: Clip) -> str:
    """Return the address of the same file as a download."""
    return f"{audio_url(clip)}?download=1"


@register.filter
def gain_db(clip: Clip) -> float:
    """Return the gain that brings a recording to `TARGET_LUFS`.

    The true peak stays at or below `MAX_TRUE_PEAK_DBTP`: a recording with few loud moments plays
    more softly than the others rather than distorted.
    """
    headroom = MAX_TRUE_PEAK_DBTP - clip.true_peak_dbtp
    if clip.loudness_lufs is None:
        return min(0.0, headroom)
    played_lufs = clip.loudness_lufs + (DUAL_MONO_LU if clip.channels == 1 else 0.0)
    return min(TARGET_LUFS - played_lufs, headroom)
