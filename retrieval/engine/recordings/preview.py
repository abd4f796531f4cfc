"""Encode a preview of a recording that not every browser plays.

The format is MP3: every browser plays it, libsndfile writes it, and its header stores the encoder
delay, which browsers remove, so that loops have no gap. Opus is smaller, but Safari supports it
only since 2025.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from retrieval.engine.recordings.analysis import RecordingFacts, RecordingLimits, analyse_recording
from retrieval.engine.recordings.sources import open_source

PREVIEW_SUFFIX = ".mp3"

_SAMPLE_RATES_HZ = frozenset({32_000, 44_100, 48_000})
_PEAK = 10 ** (-1 / 20)  # -1 dBTP: encoding raises peaks
_QUALITY = 0.3  # 0 (best) to 1: variable bit rate, about 170 kbit/s in stereo

_L, _R, _C, _NONE = (1.0, 0.0), (0.0, 1.0), (0.7071, 0.7071), (0.0, 0.0)
_LS, _RS = (0.7071, 0.0), (0.0, 0.7071)
# Channels in WAVE order to left and right, the surrounds at -3 dB (ITU-R BS.775).
_DOWNMIXES = {
    3: (_L, _R, _C),
    4: (_L, _R, _LS, _RS),
    5: (_L, _R, _C, _LS, _RS),
    6: (_L, _R, _C, _NONE, _LS, _RS),
    7: (_L, _R, _C, _NONE, _C, _LS, _RS),
    8: (_L, _R, _C, _NONE, _LS, _RS, _LS, _RS),
}


def write_preview(
    path: Path,
    target: Path,
    *,
    facts: RecordingFacts,
    limits: RecordingLimits | None = None,
) -> RecordingFacts:
    """Write a browser-playable MP3 of a recording, mono or stereo, completely or not at all.

    A recording with a true peak above -1 dBTP is attenuated, so that the copy does not clip.
    Return the facts about the copy, whose loudness the player needs.

    Raises
    ------
    AudioDecodeError
        As for :func:`~retrieval.engine.recordings.analysis.analyse_recording`.
    """
    limits = limits or RecordingLimits()
    unfinished = target.with_name(target.name + ".part")
    try:
        _encode(path, unfinished, facts, limits)
        copied = analyse_recording(unfinished, waveform_paths={}, limits=limits)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return copied


def _encode(path: Path, target: Path, facts: RecordingFacts, limits: RecordingLimits) -> None:
    rate_hz = _preview_rate_hz(facts.sample_rate_hz)
    with (
        open_source(path, max_bytes=limits.max_bytes) as source,
        soundfile.SoundFile(
            target,
            "w",
            samplerate=rate_hz,
            channels=min(source.channels, 2),
            format="MP3",
            subtype="MPEG_LAYER_III",
            bitrate_mode="VARIABLE",
            compression_level=_QUALITY,
        ) as preview,
    ):
        mix = _mixing_matrix(source.channels, facts.true_peak_dbtp)
        mixed = (block @ mix for block in source.blocks())
        for block in _resampled(mixed, source.sample_rate_hz, rate_hz, mix.shape[1]):
            preview.write(block)


def _preview_rate_hz(sample_rate_hz: int) -> int:
    if sample_rate_hz in _SAMPLE_RATES_HZ:
        return sample_rate_hz
    return 48_000 if sample_rate_hz % 8_000 == 0 else 44_100


def _mixing_matrix(channels: int, true_peak_dbtp: float) -> NDArray[np.float32]:
    """Return weights [channels, 1 or 2] that keep the output's true peak at or below -1 dBTP."""
    mix = np.array(_DOWNMIXES[channels]) if channels > 2 else np.eye(channels)
    headroom = min(1.0, _PEAK / 10 ** (true_peak_dbtp / 20))
    matrix: NDArray[np.float32] = (mix / mix.sum(axis=0) * headroom).astype(np.float32)
    return matrix


def _resampled(
    blocks: Iterator[NDArray[np.float32]], from_rate_hz: int, to_rate_hz: int, channels: int
) -> Iterator[NDArray[np.float32]]:
    if from_rate_hz == to_rate_hz:
        yield from blocks
        return
    stream = soxr.ResampleStream(from_rate_hz, to_rate_hz, channels, dtype="float32")
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.empty((0, channels), np.float32), last=True)
