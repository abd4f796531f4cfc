"""How many recordings an import decodes ahead of those that it has stored."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace

import pytest

from retrieval.services.importing.decoding import RecordingDecoder
from retrieval.services.importing.outcomes import Candidate, OutcomeLog


class CountingPool:
    """Decodes at once and counts what was submitted."""

    def __init__(self, processes):
        self.processes = processes
        self.submitted = 0

    def submit_recording(self, path, *, waveform_paths, preview_path):
        self.submitted += 1
        future = Future()
        future.set_result(path)
        return future


@pytest.mark.parametrize(
    ("megabytes", "processes", "most"),
    [(0.1, 2, 64), (1.0, 2, 64), (4.0, 2, 16), (10.0, 2, 7), (20.0, 2, 4), (900.0, 2, 4),
     (4.0, 12, 24), (900.0, 12, 24)],
)  # fmt: skip
def test_small_files_are_many_and_large_ones_few(tmp_path, megabytes, processes, most):
    pool = CountingPool(processes)
    decoder = RecordingDecoder(
        pool=pool, profilers=[], scratch=tmp_path,
        log=OutcomeLog(source="here", on_progress=lambda report: None),
    )  # fmt: skip
    candidates = [
        Candidate(
            SimpleNamespace(file=number, path=str(number)), int(megabytes * 1e6), 0, f"{number:02}"
        )
        for number in range(100)
    ]
    ahead = [
        pool.submitted - done
        for done, recording in enumerate(decoder.decode(candidates))
        if not decoder.discard(recording.candidate)
    ]
    assert len(ahead) == 100
    assert max(ahead) == most
