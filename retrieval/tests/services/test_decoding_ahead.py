"""How many recordings an import decodes ahead of those that it has stored."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from retrieval.catalogue.manifest import ManifestEntry
from retrieval.services.importing.decoding import RecordingDecoder
from retrieval.services.importing.outcomes import Candidate, OutcomeLog


class CountingPool:
    """Decodes at once and counts what was submitted."""

    def __init__(self, processes):
        self.processes = processes
        self.submitted = 0

    def submit_recording(self, path, *, waveform_paths, preview_path):
        self.submitted += 1
        future: Future[Any] = Future()
        future.set_result(path)
        return future


@pytest.mark.parametrize(
    ("megabytes", "processes", "most"),
    [(0.1, 2, 64), (1.0, 2, 64), (4.0, 2, 16), (10.0, 2, 7), (20.0, 2, 4), (900.0, 2, 4),
     (4.0, 12, 24), (900.0, 12, 24)],
)  # fmt: skip
def test_small_files_are_many_and_large_ones_few(tmp_path, megabytes, processes, most):
    pool: Any = CountingPool(processes)
    decoder = RecordingDecoder(
        pool=pool, profilers=[], scratch=tmp_path,
        log=OutcomeLog(source="here", on_progress=lambda report: None),
    )  # fmt: skip
    candidates = [
        Candidate(ManifestEntry(name, Path(name), name, "CC0-1.0"), int(megabytes * 1e6), 0, name)
        for name in map(str, range(100))
    ]
    ahead: list[int] = []
    for recording in decoder.decode(candidates):
        assert recording is not None
        ahead.append(pool.submitted - len(ahead))
        decoder.discard(recording.candidate)
    assert len(ahead) == 100
    assert max(ahead) == most
