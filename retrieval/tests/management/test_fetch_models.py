"""`manage.py fetch_models`: what it says, and what it leaves behind."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from retrieval.engine.errors import WeightsError
from retrieval.engine.networks import conversion, provisioning
from retrieval.engine.networks.weights import load_arrays
from retrieval.management.commands import fetch_models
from retrieval.selectors import networks
from retrieval.tests.toy_weights import PUBLISHED, toy_arrays, toy_spec

NAMES = ("eye", "spare-eye", "ear", "sounds")
"""Two image networks, the required audio network and an optional one."""


@pytest.fixture
def shelf(tmp_path):
    folder = tmp_path / "shelf"
    folder.mkdir()
    for name in NAMES:
        (folder / f"{name}.bin").write_bytes(PUBLISHED)
    return folder


@pytest.fixture(autouse=True)
def specs(settings, tmp_path, shelf, monkeypatch):
    """Toy networks in place of the real ones, with their published files on a shelf."""
    settings.SOUNDSCAPE_MODELS_DIRECTORY = tmp_path / "models"
    settings.SOUNDSCAPE_MODEL_SEARCH_PATH = (settings.SOUNDSCAPE_MODELS_DIRECTORY, shelf)
    made = tuple(toy_spec(name) for name in NAMES)
    for spec in made:
        monkeypatch.setitem(conversion.CONVERTERS, spec.name, toy_arrays)
    monkeypatch.setattr(fetch_models, "ALL_WEIGHTS", made)
    monkeypatch.setattr(networks, "IMAGE_NETWORKS", made[:2])
    monkeypatch.setattr(networks, "SOUNDNET_8", made[2])
    monkeypatch.setitem(networks.IMAGE_NETWORK_NAMES, "mobilenet", made[0])
    return made


@pytest.fixture
def no_network(monkeypatch):
    def download(origin, target, sha256, *, progress):
        progress(5_000_000, 20_000_000)
        raise WeightsError(
            f"{origin} could not be downloaded: no route\nput the file there",
            code="weights_unavailable",
        )

    monkeypatch.setattr(provisioning, "download", download)


def _fetch(**options) -> list[str]:
    out = StringIO()
    call_command("fetch_models", stdout=out, **options)
    *lines, summary = out.getvalue().splitlines()
    unavailable = [line.partition(":")[0] for line in lines if "unavailable" in line]
    assert summary == (
        f"Without {', '.join(unavailable)}" if unavailable else "All 4 networks are available"
    )
    return lines


def test_files_are_found_and_converted_once(specs, settings, shelf):
    directory = settings.SOUNDSCAPE_MODELS_DIRECTORY

    assert _fetch() == [
        f"{name}: found {shelf / name}.bin, converted to {name}.npz" for name in NAMES
    ]
    for spec in specs:
        load_arrays(spec, directory)
    assert _fetch() == [f"{name}: present ({directory / name}.npz)" for name in NAMES]
    assert _fetch(force=True)[0].startswith("eye: found")


@pytest.mark.parametrize("missing", [["eye"], ["spare-eye", "sounds"], ["eye", "sounds"]])
def test_an_optional_network_that_is_unavailable_is_reported(
    specs, settings, shelf, no_network, missing
):
    for name in missing:
        (shelf / f"{name}.bin").unlink()

    lines = _fetch()

    assert [line.partition(":")[0] for line in lines] == list(NAMES)
    assert [
        name for name, line in zip(NAMES, lines, strict=True) if "unavailable" in line
    ] == missing
    for spec in specs:
        if spec.name in missing:
            assert (
                f"{spec.name}: unavailable ({spec.origin} could not be downloaded: no route)"
                in lines
            )
        else:
            load_arrays(spec, settings.SOUNDSCAPE_MODELS_DIRECTORY)


def test_a_network_whose_library_this_platform_lacks_is_reported(settings, monkeypatch):
    def lacking(_published):
        raise ModuleNotFoundError("No module named 'ai_edge_litert'")

    monkeypatch.setitem(conversion.CONVERTERS, "sounds", lacking)
    assert _fetch()[-1] == "sounds: unavailable (No module named 'ai_edge_litert')"
    made = sorted(path.stem for path in settings.SOUNDSCAPE_MODELS_DIRECTORY.glob("*.npz"))
    assert made == ["ear", "eye", "spare-eye"]


def test_the_last_line_states_the_effect_of_missing_yamnet(shelf, no_network, monkeypatch):
    monkeypatch.setattr(networks, "is_present", lambda _: False)
    (shelf / "sounds.bin").unlink()
    out = StringIO()
    call_command("fetch_models", stdout=out)
    assert out.getvalue().splitlines()[-1] == (
        "Without sounds: photos are matched by things, not by sounds"
    )


@pytest.mark.parametrize(
    ("image_model", "missing"),
    [
        ("auto", ["ear"]),
        ("auto", ["eye", "spare-eye"]),
        ("mobilenet", ["eye"]),
        ("auto", ["eye", "spare-eye", "ear", "sounds"]),
    ],
)
def test_without_an_image_network_or_soundnet_it_fails_after_all_were_tried(
    settings, shelf, no_network, image_model, missing
):
    settings.SOUNDSCAPE_IMAGE_MODEL = image_model
    for name in missing:
        (shelf / f"{name}.bin").unlink()
    out = StringIO()

    with pytest.raises(CommandError) as caught:
        call_command("fetch_models", stdout=out)

    assert caught.value.returncode == 1
    named = [line.partition(":")[0] for line in str(caught.value).splitlines() if ".bin" in line]
    assert named == [name for name in missing if name != "sounds"]
    assert "put the file there" in str(caught.value)
    assert len(out.getvalue().splitlines()) == len(NAMES)


def test_an_altered_network_that_cannot_be_replaced_is_removed(settings, shelf, no_network):
    """Otherwise the choice by presence would select an unusable network."""
    _fetch()
    altered = settings.SOUNDSCAPE_MODELS_DIRECTORY / "eye.npz"
    altered.write_bytes(b"altered")
    (shelf / "eye.bin").unlink()

    assert _fetch()[0].startswith("eye: unavailable")
    assert not altered.exists()


def test_without_a_terminal_progress_is_printed_in_lines(shelf, no_network, capsys):
    (shelf / "ear.bin").unlink()

    with pytest.raises(CommandError, match="could not be downloaded"):
        _fetch()

    assert capsys.readouterr().err == "ear: downloading, 5.0 of 20.0 MB\n"


def test_a_download_is_reported(settings, shelf, monkeypatch):
    (shelf / "ear.bin").unlink()
    monkeypatch.setattr(
        provisioning, "download", lambda _origin, target, _hash, **_: target.write_bytes(PUBLISHED)
    )

    path = settings.SOUNDSCAPE_MODELS_DIRECTORY / "ear.bin"
    assert _fetch()[2] == f"ear: downloaded {path}, converted to ear.npz"


def test_a_folder_that_cannot_be_written_is_reported(settings, tmp_path):
    (tmp_path / "file").write_text("in the way")
    settings.SOUNDSCAPE_MODELS_DIRECTORY = tmp_path / "file" / "models"

    with pytest.raises(CommandError, match="Not a directory"):
        _fetch()
