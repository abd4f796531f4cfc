"""Weights are found or downloaded, and converted."""

from __future__ import annotations

import fcntl
import hashlib
import threading

import pytest

from retrieval.engine.errors import WeightsError
from retrieval.engine.networks import conversion, provisioning
from retrieval.engine.networks.provisioning import ProvisionOutcome, provide
from retrieval.engine.networks.weights import WeightSpec, load_arrays
from retrieval.engine.vocabulary.labels import ClassLabel, Vocabulary
from retrieval.tests.toy_weights import PUBLISHED, toy_arrays, toy_spec


@pytest.fixture
def spec(monkeypatch) -> WeightSpec:
    monkeypatch.setitem(conversion.CONVERTERS, "toy", toy_arrays)
    return toy_spec()


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "var" / "models"


@pytest.fixture
def shelf(tmp_path):
    """A folder that holds the published file."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    (folder / "toy.bin").write_bytes(PUBLISHED)
    return folder


@pytest.fixture(autouse=True)
def downloads(monkeypatch):
    """Replace downloads; return the requests."""
    asked = []

    def download(origin, target, sha256, *, progress):
        asked.append((origin, sha256))
        progress(len(PUBLISHED), len(PUBLISHED))
        target.write_bytes(PUBLISHED)

    monkeypatch.setattr(provisioning, "download", download)
    return asked


def test_a_published_file_in_the_search_path_is_converted(spec, shelf, directory, downloads):
    done = provide(spec, search_path=[directory, shelf], directory=directory)

    assert done.provenance is ProvisionOutcome.FOUND
    assert done.path == shelf / "toy.bin"
    assert load_arrays(spec, directory).keys() == {"kernel", "bias"}
    assert downloads == []


def test_a_missing_file_is_downloaded_and_kept(spec, directory, downloads):
    told = []

    done = provide(
        spec,
        search_path=[directory],
        directory=directory,
        progress=lambda *state: told.append(state),
    )

    assert done.provenance is ProvisionOutcome.DOWNLOADED
    assert downloads == [(spec.origin, spec.source_sha256)]
    assert told == [(len(PUBLISHED), len(PUBLISHED))]
    load_arrays(spec, directory)
    again = provide(spec, search_path=[directory], directory=directory, force=True)
    assert again.provenance is ProvisionOutcome.FOUND
    assert again.path == directory / "toy.bin"


def test_valid_weights_are_kept_unless_forced(spec, shelf, directory):
    provide(spec, search_path=[shelf], directory=directory)
    before = (directory / "toy.npz").stat()

    done = provide(spec, search_path=[shelf], directory=directory)
    assert done.provenance is ProvisionOutcome.PRESENT
    assert done.path == directory / "toy.npz"
    assert (directory / "toy.npz").stat().st_ino == before.st_ino

    done = provide(spec, search_path=[shelf], directory=directory, force=True)
    assert done.provenance is ProvisionOutcome.FOUND
    assert (directory / "toy.npz").stat().st_mtime_ns > before.st_mtime_ns


def test_altered_weights_are_converted_again(spec, shelf, directory):
    provide(spec, search_path=[shelf], directory=directory)
    (directory / "toy.npz").write_bytes(b"altered")

    done = provide(spec, search_path=[shelf], directory=directory)

    assert done.provenance is ProvisionOutcome.FOUND
    load_arrays(spec, directory)


def test_the_source_comes_from_the_first_folder_that_has_it(spec, shelf, directory, tmp_path):
    second = tmp_path / "second"
    second.mkdir()
    (second / "toy.bin").write_bytes(PUBLISHED)

    search_path = [tmp_path / "nowhere", tmp_path, shelf, second]
    done = provide(spec, search_path=search_path, directory=directory)

    assert done.path == shelf / "toy.bin"


def test_an_altered_source_is_an_error_and_not_skipped(spec, shelf, directory, tmp_path, downloads):
    (tmp_path / "toy.bin").write_bytes(b"altered")

    with pytest.raises(WeightsError, match=r"toy\.bin is not the published") as caught:
        provide(spec, search_path=[tmp_path, shelf], directory=directory)
    assert caught.value.code == "weights_source_altered"
    assert spec.source_sha256 in caught.value.detail
    assert hashlib.sha256(b"altered").hexdigest() in caught.value.detail
    assert "fetch_models" in caught.value.detail
    assert downloads == []


def test_weights_that_do_not_fit_the_vocabulary_are_not_converted_again(
    spec, shelf, directory, monkeypatch
):
    provide(spec, search_path=[shelf], directory=directory)
    short = Vocabulary("imagenet", (ClassLabel(0, "n0", "thing"),))
    monkeypatch.setattr("retrieval.engine.networks.weights.load_vocabulary", lambda _: short)

    with pytest.raises(WeightsError, match="1000 outputs but vocabulary") as caught:
        provide(spec, search_path=[shelf], directory=directory)
    assert caught.value.code == "weights_misaligned"


def test_leftovers_of_a_killed_conversion_are_deleted(spec, shelf, directory):
    directory.mkdir(parents=True)
    (directory / ".toy.npz.k1ll3d").write_bytes(b"half")
    (directory / ".other.npz.r0nn1ng").write_bytes(b"half")

    provide(spec, search_path=[shelf], directory=directory)

    names = {path.name for path in directory.iterdir()}
    assert names == {"toy.npz", ".lock", ".other.npz.r0nn1ng"}


def test_a_second_process_waits_for_the_first(spec, shelf, directory):
    directory.mkdir(parents=True)
    finished = threading.Event()

    def second():
        provide(spec, search_path=[shelf], directory=directory)
        finished.set()

    thread = threading.Thread(target=second)
    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        thread.start()
        assert not finished.wait(timeout=0.3)
        assert not (directory / "toy.npz").exists()
    thread.join(timeout=30)

    assert finished.is_set()
    load_arrays(spec, directory)
