"""`manage.py fetch_models`: what it says, and what it leaves behind."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from retrieval.engine.errors import WeightsError
from retrieval.engine.networks import conversion, provisioning
from retrieval.engine.networks.weights import load_arrays
from retrieval.management.commands import fetch_models
from retrieval.tests.toy_weights import PUBLISHED, toy_arrays, toy_spec


@pytest.fixture
def shelf(tmp_path):
    folder = tmp_path / "shelf"
    folder.mkdir()
    (folder / "eye.bin").write_bytes(PUBLISHED)
    (folder / "ear.bin").write_bytes(PUBLISHED)
    return folder


@pytest.fixture(autouse=True)
def specs(settings, tmp_path, shelf, monkeypatch):
    """Two toy models in place of the real ones, whose sources lie on a shelf."""
    settings.SOUNDSCAPE_MODELS_DIRECTORY = tmp_path / "models"
    settings.SOUNDSCAPE_MODEL_SEARCH_PATH = (settings.SOUNDSCAPE_MODELS_DIRECTORY, shelf)
    made = (toy_spec("eye"), toy_spec("ear"))
    for spec in made:
        monkeypatch.setitem(conversion.CONVERTERS, spec.name, toy_arrays)
    monkeypatch.setattr(fetch_models, "ALL_WEIGHTS", made)
    return made


@pytest.fixture
def no_network(monkeypatch):
    def download(origin, target, sha256, *, progress):
        progress(5_000_000, 20_000_000)
        raise WeightsError(f"{origin} could not be downloaded", code="weights_unavailable")

    monkeypatch.setattr(provisioning, "download", download)


def _fetch(**options) -> list[str]:
    out = StringIO()
    call_command("fetch_models", stdout=out, **options)
    return out.getvalue().splitlines()


def test_it_finds_and_converts_and_then_leaves_alone(specs, settings, shelf):
    directory = settings.SOUNDSCAPE_MODELS_DIRECTORY

    assert _fetch() == [
        f"eye: found {shelf / 'eye.bin'}, converted to eye.npz",
        f"ear: found {shelf / 'ear.bin'}, converted to ear.npz",
    ]
    for spec in specs:
        load_arrays(spec, directory)
    assert _fetch() == [
        f"eye: already there ({directory / 'eye.npz'})",
        f"ear: already there ({directory / 'ear.npz'})",
    ]
    assert _fetch(force=True)[0].startswith("eye: found")


def test_a_model_that_cannot_be_had_does_not_keep_the_others_away(
    specs, settings, shelf, no_network
):
    (shelf / "eye.bin").unlink()
    out = StringIO()

    with pytest.raises(CommandError, match=r"^eye: .*eye\.bin could not be downloaded$") as caught:
        call_command("fetch_models", stdout=out)

    assert caught.value.returncode == 1
    assert out.getvalue().startswith("ear: found")
    load_arrays(specs[1], settings.SOUNDSCAPE_MODELS_DIRECTORY)


def test_without_a_terminal_a_download_is_told_in_lines(shelf, no_network, capsys):
    (shelf / "ear.bin").unlink()

    with pytest.raises(CommandError, match="could not be downloaded"):
        _fetch()

    assert capsys.readouterr().err == "ear: downloading, 5.0 of 20.0 MB\n"


def test_a_downloaded_model_is_said_to_be_so(settings, shelf, monkeypatch):
    (shelf / "ear.bin").unlink()
    monkeypatch.setattr(
        provisioning, "download", lambda _origin, target, _hash, **_: target.write_bytes(PUBLISHED)
    )

    path = settings.SOUNDSCAPE_MODELS_DIRECTORY / "ear.bin"
    assert _fetch()[1] == f"ear: downloaded {path}, converted to ear.npz"


def test_a_folder_that_cannot_be_written_is_a_plain_message(settings, tmp_path):
    (tmp_path / "file").write_text("in the way")
    settings.SOUNDSCAPE_MODELS_DIRECTORY = tmp_path / "file" / "models"

    with pytest.raises(CommandError, match="Not a directory"):
        _fetch()
