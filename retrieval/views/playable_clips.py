"""Recordings as players show and play them: address, gain, outline, credit."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from django.urls import reverse

from retrieval.catalogue.licences import LICENCES
from retrieval.models import Clip

TARGET_LUFS: Final = -20.0
MAX_TRUE_PEAK_DBTP: Final = -1.0
DUAL_MONO_LU: Final = 3.01
"""One channel comes out of two loudspeakers: twice the power (ITU-R BS.1770 sums channels)."""

_VERSION_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class SoundShare:
    """A sound's name, with its score in a recording or its share of a photo's sounds."""

    name: str
    share: float


@dataclass(frozen=True, slots=True)
class PlayableClip:
    """A recording as templates show it."""

    id: int
    title: str
    author: str
    license_name: str
    license_url: str
    source_url: str
    sounds: tuple[SoundShare, ...]
    audio_url: str
    download_url: str
    duration_s: float
    gain_db: float
    peaks: bytes
    withdrawn: bool


def playable(clip: Clip) -> PlayableClip:
    """Return a recording as templates show it."""
    url = reverse("retrieval:clip_audio", args=[clip.pk, audio_version(clip)])
    return PlayableClip(
        id=clip.pk,
        title=clip.title,
        author=clip.author,
        license_name=LICENCES[clip.license].name,
        license_url=clip.license_url,
        source_url=clip.source_url,
        sounds=tuple(SoundShare(sound["name"], sound["score"]) for sound in clip.sounds),
        audio_url=url,
        download_url=f"{url}?download=1",
        duration_s=clip.duration_s,
        gain_db=gain_db(
            loudness_lufs=clip.loudness_lufs,
            true_peak_dbtp=clip.true_peak_dbtp,
            channels=clip.channels,
        ),
        peaks=bytes(clip.peaks),
        withdrawn=clip.removed_in is not None,
    )


def audio_version(clip: Clip) -> str:
    """Return the part of a recording's address that changes with the played file.

    The played file's name contains its hash and differs between preview and original.
    """
    return hashlib.sha256(clip.played_name.encode()).hexdigest()[:_VERSION_DIGITS]


def gain_db(*, loudness_lufs: float | None, true_peak_dbtp: float, channels: int) -> float:
    """Return the gain that brings a recording to `TARGET_LUFS`.

    The true peak stays at or below `MAX_TRUE_PEAK_DBTP`: a recording with few loud moments plays
    more softly than the others rather than distorted.
    """
    headroom = MAX_TRUE_PEAK_DBTP - true_peak_dbtp
    if loudness_lufs is None:
        return min(0.0, headroom)
    played_lufs = loudness_lufs + (DUAL_MONO_LU if channels == 1 else 0.0)
    return min(TARGET_LUFS - played_lufs, headroom)
