"""How many recordings an import decodes ahead of those that it has stored."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from retrieval.catalogue.manifest import ManifestEntry
from retrieval.services.importing.decoding import RecordingDecoder
from retrieval.services.importing.outcomes import Candidate, OutcomeLog


class CountingPool:
    """Decodes at once and counts what was submitted."""

    def __init__(self):
        self.submitted = 0

    def submit_recording(self, path, *, waveform_paths, preview_path):
        self.submitted += 1
        future: Future[Any] = Future()
        future.set_result(path)
        return future


@pytest.mark.parametrize(
    ("megabytes", "most"), [(0.1, 64), (1.0, 64), (4.0, 16), (10.0, 7), (20.0, 4), (900.0, 4)]
)
def test_small_files_are_many_and_large_ones_few(tmp_path, megabytes, most):
    pool: Any = CountingPool()
    decoder = RecordingDecoder(
        pool=pool, profilers=[], scratch=tmp_path,
        log=OutcomeLog(source="here", on_progress=lambda report: None),
    )  # fmt: skip
    entry = ManifestEntry("a.wav", tmp_path / "a.wav", "Rain", "CC0-1.0")
    candidates = [Candidate(entry, int(megabytes * 1e6), 0, f"{i:02}") for i in range(100)]
    ahead = []
    for done, recording in enumerate(decoder.decode(candidates)):
        assert recording is not None
        ahead.append(pool.submitted - done)
        decoder.discard(recording.candidate)
    assert len(ahead) == 100
    assert max(ahead) == most
