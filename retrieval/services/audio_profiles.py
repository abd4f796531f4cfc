"""Run the audio networks over recordings, window by window."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.networks.registry import AudioClassifier, ModelRegistry
from retrieval.engine.recordings.waveforms import open_waveform
from retrieval.engine.spaces.audio_scores import AudioScores
from retrieval.engine.spaces.space import ClassSpace

_BATCH_BYTES: Final = 30_000_000
"""Most bytes of windows in one batch: 17 of SoundNet's windows, 500 of YAMNet's."""


class AudioProfiler:
    """The audio side of one space; loads its network for the first recording.

    Parameters
    ----------
    space : ClassSpace
        The space of the profiles.
    load_classifier : callable
        Returns the space's audio network.
    """

    def __init__(self, space: ClassSpace, load_classifier: Callable[[], AudioClassifier]) -> None:
        self.space = space
        self._load_classifier = load_classifier

    @cached_property
    def classifier(self) -> AudioClassifier:
        """The audio network, loaded on first use."""
        return self._load_classifier()

    @property
    def sample_rate_hz(self) -> int:
        """The sample rate of the waveforms it takes."""
        return self.classifier.sample_rate_hz

    def window_count(self, waveform: Path) -> int:
        """Return the number of windows of a waveform file."""
        return len(self.classifier.windowing.starts(len(open_waveform(waveform))))

    def score(self, waveforms: Sequence[Path]) -> list[AudioScores]:
        """Return the scores of recordings; a batch of windows may span several recordings.

        Parameters
        ----------
        waveforms : sequence of Path
            Files at the network's sample rate, as `DecodingPool` writes them.
        """
        sounds = [open_waveform(path) for path in waveforms]
        placed = [self.classifier.windowing.starts(len(sound)) for sound in sounds]
        scores = np.concatenate(list(self._scores(sounds, placed)))
        edges = np.cumsum([len(starts) for starts in placed])[:-1]
        return [
            self.space.stored_windows(
                AudioScores(windows, [start / self.sample_rate_hz for start in starts])
            )
            for windows, starts in zip(np.split(scores, edges), placed, strict=True)
        ]

    def _scores(
        self, sounds: Sequence[NDArray[np.float32]], placed: Sequence[Sequence[int]]
    ) -> Iterator[NDArray[np.float32]]:
        windowing = self.classifier.windowing
        places = (
            (sound, start) for sound, starts in zip(sounds, placed, strict=True) for start in starts
        )
        size = max(1, _BATCH_BYTES // (windowing.window_samples * np.dtype(np.float32).itemsize))
        while batch := list(islice(places, size)):
            windows = np.empty((len(batch), windowing.window_samples), np.float32)
            for window, (sound, start) in zip(windows, batch, strict=True):
                windowing.fill(window, sound, start)
            yield self.classifier.classify_windows(windows).astype(np.float32)


def audio_profilers(
    *, spaces: Sequence[ClassSpace], registry: ModelRegistry
) -> tuple[AudioProfiler, ...]:
    """Return a profiler for each space, with networks from the registry."""
    return tuple(
        AudioProfiler(space, partial(registry.audio_classifier, space.audio_classifier))
        for space in spaces
    )
