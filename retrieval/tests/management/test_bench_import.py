"""`manage.py bench_import` prints what was measured."""

from __future__ import annotations

import json

import pytest
from django.core.management import CommandError, call_command

from retrieval.management.commands import bench_import

FIGURES = {
    "audio_s": 100.0, "seconds": 0.5, "realtime_factor": 200.0, "start_s": 1.0, "peak_mib": 300,
    "cpu_s": {"storing": 0.25, "decoding": 0.75},
}  # fmt: skip
MEASURED = {
    **dict.fromkeys(("library", "long", "soundnet_only", "plain_way"), FIGURES),
    "times_the_plain_way": 3.5,
}


@pytest.fixture
def library(settings, tmp_path, monkeypatch):
    settings.SOUNDSCAPE_SHARED_LIBRARY = tmp_path / "library.csv"
    monkeypatch.setattr(
        bench_import, "measure", lambda file, _models, clips: {**MEASURED, "of": [file.name, clips]}
    )
    return settings.SOUNDSCAPE_SHARED_LIBRARY


def test_figures_are_one_json_object_or_lines(library, capsys):
    library.touch()
    call_command("bench_import", "--json", "--clips", "3")
    assert json.loads(capsys.readouterr().out) == {**MEASURED, "of": ["library.csv", 3]}
    call_command("bench_import")
    lines = capsys.readouterr().out.splitlines()
    assert sum("200 x real time" in line and "300 MiB" in line for line in lines) == 4
    assert sum("75.0%" in line for line in lines) == 4
    assert "3.50 times" in lines[-1]


def test_without_the_shared_library_nothing_is_measured(library):
    with pytest.raises(CommandError, match="library_missing"):
        call_command("bench_import")
