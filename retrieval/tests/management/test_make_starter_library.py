"""`make_starter_library`: complete files, a valid manifest, the same result every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from django.core.management import CommandError, call_command

from retrieval.catalogue.manifest import read_entries
from retrieval.engine.synthesis.catalogue import AMBIENCES, Ambience
from retrieval.engine.synthesis.loop import SAMPLE_RATE_HZ
from retrieval.management.commands import make_starter_library

FILES = {f"{ambience.name}.flac" for ambience in AMBIENCES} | {"library.csv"}


def short_noise(ambience: Ambience) -> np.ndarray:
    """Replace the synthesis by 0.1 s of noise that depends only on the name."""
    rng = np.random.default_rng(list(ambience.name.encode()))
    return rng.uniform(-0.5, 0.5, (SAMPLE_RATE_HZ // 10, 2)).astype(np.float32)


@pytest.fixture(autouse=True)
def quick_synthesis(monkeypatch):
    monkeypatch.setattr(make_starter_library, "synthesise", short_noise)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_the_import_can_read_the_library(tmp_path, capsys):
    folder = tmp_path / "new" / "library"
    call_command("make_starter_library", folder)

    assert capsys.readouterr().out == f"{folder / 'library.csv'}\n"
    assert set(contents(folder)) == FILES
    entries = list(read_entries(folder / "library.csv"))
    assert [entry.title for entry in entries] == [ambience.title for ambience in AMBIENCES]
    for entry, ambience in zip(entries, AMBIENCES, strict=True):
        assert entry.problem is None
        assert entry.tags == ambience.tags
        assert entry.author == "Scenery Soundscaping"
        assert entry.license == "CC0-1.0"
        assert entry.license_url == "https://creativecommons.org/publicdomain/zero/1.0/"
        assert entry.collection == "Starter library"
        info = soundfile.info(entry.file)
        assert (info.format, info.subtype, info.samplerate) == ("FLAC", "PCM_16", 44_100)
        samples, _ = soundfile.read(entry.file, dtype="float32")
        np.testing.assert_allclose(samples, short_noise(ambience), atol=1 / 32_768)


def test_the_default_folder_comes_from_the_settings(tmp_path, settings):
    settings.SOUNDSCAPE_STARTER_LIBRARY = tmp_path / "from-settings"
    call_command("make_starter_library")
    assert set(contents(tmp_path / "from-settings")) == FILES


def test_a_second_run_restores_the_same_files(tmp_path):
    call_command("make_starter_library", tmp_path)
    before = contents(tmp_path)
    (tmp_path / "rain.flac").write_bytes(b"cut off")
    (tmp_path / "sea.flac").unlink()
    call_command("make_starter_library", tmp_path)
    assert contents(tmp_path) == before


def test_a_failed_run_leaves_no_files(tmp_path, monkeypatch):
    def full_disk(ambience: Ambience) -> np.ndarray:
        if ambience == AMBIENCES[3]:
            raise OSError(28, "No space left on device")
        return short_noise(ambience)

    monkeypatch.setattr(make_starter_library, "synthesise", full_disk)
    with pytest.raises(CommandError, match="No space left on device"):
        call_command("make_starter_library", tmp_path)
    assert contents(tmp_path) == {}


def test_a_folder_that_cannot_be_created_is_named(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(CommandError, match=r"Cannot write the library to .*file"):
        call_command("make_starter_library", tmp_path / "file")
