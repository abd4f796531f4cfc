"""A sound library of short tones, imported with a stand-in for the audio model.

Run in `manage.py shell`: `from benchmarks.chaos import library; library.fill(folder)`.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from django.core.management import call_command
from numpy.typing import NDArray

from retrieval.engine.networks.registry import ModelRegistry
from retrieval.engine.networks.windows import Windowing
from retrieval.engine.spaces.space import objects
from retrieval.management.commands import import_clips

TONES: Final = 24  # more than one result contains
_RATE_HZ: Final = 8_000
_TONE_S: Final = 2


class StandInAudioModel:
    """Scores classes by the energy in one band of the spectrum per class."""

    sample_rate_hz = _RATE_HZ
    windowing = Windowing(
        window_samples=_RATE_HZ * _TONE_S,
        hop_samples=_RATE_HZ * _TONE_S,
        min_tail_samples=_RATE_HZ * _TONE_S,
        repeat_short=True,
    )

    def __init__(self, _: Path) -> None:
        self.model_version = objects().audio_model
        self.vocabulary = objects().vocabulary

    def classify_windows(self, waveforms: NDArray[np.float32]) -> NDArray[np.float64]:
        power = np.abs(np.fft.rfft(waveforms.astype(np.float64))) ** 2 + 1e-6
        bands = np.array_split(power, len(self.vocabulary), axis=1)
        energy = np.stack([band.sum(axis=1) for band in bands], axis=1)
        shares: NDArray[np.float64] = energy / energy.sum(axis=1, keepdims=True)
        return shares


def fill(folder: Path) -> None:
    """Write the tones to a new folder and import them with `import_clips`."""
    folder.mkdir()
    time_s = np.arange(_RATE_HZ * _TONE_S) / _RATE_HZ
    for number in range(TONES):
        tone = 0.3 * np.sin(2 * np.pi * (150 + 100 * number) * time_s)
        soundfile.write(folder / f"{number:02}.wav", tone, _RATE_HZ)
    builders = {objects().audio_model: StandInAudioModel}
    registry = functools.partial(ModelRegistry, build_audio_classifiers=builders)
    setattr(import_clips, "ModelRegistry", registry)  # noqa: B010
    setattr(import_clips, "available_spaces", lambda: (objects(),))  # noqa: B010
    call_command("import_clips", str(folder), "--json")
