"""A library of tones, and ways to compute its missing profiles."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from retrieval.catalogue.manifest import read_entries
from retrieval.decoding.configured_limits import decoding_limits
from retrieval.decoding.pool import DecodingPool
from retrieval.models import (
    Clip,
)
from retrieval.services.audio_profiles import AudioProfiler
from retrieval.services.importing import ClipImporter
from retrieval.services.profiling import (
    profile_clips,
    run_profiling_slice,
)
from retrieval.services.timed_jobs import Slicing
from retrieval.tests.factories import DUMMY, DUMMY_HEARD, dummy_space_row
from retrieval.tests.fakes import DummyEar, DummySounds, dummy_registry


@pytest.fixture(scope="module")
def pool():
    with DecodingPool(processes=2, limits=decoding_limits()) as pool:
        pool.warm()
        yield pool


@pytest.fixture
def scratch(tmp_path):
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


@pytest.fixture
def import_tones(tmp_path, media_root, pool, scratch):
    """Import pure tones with profiles in the first space only."""
    for space in (DUMMY, DUMMY_HEARD):
        dummy_space_row(space)

    def import_them(*tones_hz, profilers=None):
        folder = tmp_path / "recordings"
        folder.mkdir(exist_ok=True)
        t = np.arange(3 * 8_000) / 8_000
        for hz in tones_hz:
            soundfile.write(folder / f"{hz:04}.wav", 0.3 * np.sin(2 * np.pi * hz * t), 8_000)
        ClipImporter(
            source=str(folder), pool=pool, scratch=scratch, batch_windows=4,
            profilers=profilers or [AudioProfiler(DUMMY, DummyEar)], on_progress=lambda _: None,
        ).run(read_entries(folder))  # fmt: skip
        return list(Clip.objects.order_by("id"))

    return import_them


@pytest.fixture
def describe(pool, scratch):
    def describe(space=DUMMY_HEARD, ear=DummySounds, **options):
        report = profile_clips(
            profiler=AudioProfiler(space, ear), pool=pool, scratch=scratch, **options
        )
        assert list(scratch.iterdir()) == []
        return report

    return describe


@pytest.fixture
def work(tmp_path):
    def work(owed, *, slice_s=60.0, registry=None, spaces=(DUMMY, DUMMY_HEARD)):
        run_profiling_slice(
            profiling_id=owed.pk, registry=registry or dummy_registry(tmp_path), spaces=spaces,
            slicing=Slicing(
                scratch_directory=tmp_path / "slices", decoding_processes=1, slice_s=slice_s,
                worker="w",
            ),
        )  # fmt: skip
        owed.refresh_from_db()
        return owed

    return work
