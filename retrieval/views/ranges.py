"""Serve stored files and byte ranges of them (RFC 9110, section 14), so that browsers can seek.

Django's FileResponse ignores Range.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from functools import cached_property
from typing import IO, Final

from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag

logger = logging.getLogger(__name__)

_POLICY: Final = "sandbox; default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
_KEPT: Final = frozenset({200, 206, 304})
_ONE_RANGE: Final = re.compile(r"bytes\s*=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})")


class UnsatisfiableRangeError(Exception):
    """The range starts beyond the end of the file."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes from `start` up to but not including `stop`."""

    start: int
    stop: int


def parse_range(header: str | None, *, size: int) -> ByteRange | None:
    """Return the range that a Range header requests, or None for the whole file.

    Anything but one well-formed byte range is ignored, as the standard allows.

    Raises
    ------
    UnsatisfiableRangeError
        If the range starts beyond the end, or requests the last zero bytes.
    """
    match = _ONE_RANGE.fullmatch((header or "").strip())
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:  # a suffix range
        length = min(int(last), size)
        if length == 0:
            raise UnsatisfiableRangeError(header)
        return ByteRange(size - length, size)
    start = int(first)
    if last and int(last) < start:
        return None
    if start >= size:
        raise UnsatisfiableRangeError(header)
    return ByteRange(start, min(int(last) + 1, size) if last else size)


def stored_file_response(
    request: HttpRequest,
    name: str,
    *,
    media_type: str,
    etag: str,
    cache_control: str,
    open_end_bytes: int | None = None,
) -> HttpResponseBase:
    """Return a stored file, or the requested range of it.

    The content for an `etag` never changes. Browsers must not guess the media type. An open-ended
    range is answered with at most `open_end_bytes`.

    Raises
    ------
    Http404
        If the file is not in the storage.
    """
    quoted = quote_etag(etag)
    size = _size(name)
    response: HttpResponseBase | None = get_conditional_response(request, etag=quoted)
    if response is None:
        response = _body_or_part(request, name, size=size, etag=quoted, most=open_end_bytes)
        if response.status_code in {200, 206}:
            response["Content-Type"] = media_type
    response["ETag"] = quoted
    response["Accept-Ranges"] = "bytes"
    # An error must not be kept in place of the file.
    response["Cache-Control"] = cache_control if response.status_code in _KEPT else "no-store"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = _POLICY
    return response


def _size(name: str) -> int:
    try:
        return default_storage.size(name)
    except FileNotFoundError as error:
        logger.error("%s is missing in the storage", name)
        raise Http404(f"{name} is missing") from error


def _body_or_part(
    request: HttpRequest, name: str, *, size: int, etag: str, most: int | None
) -> HttpResponseBase:
    if request.method != "GET":  # section 14.2: ranges apply to GET only
        response: HttpResponseBase = HttpResponse()
        response["Content-Length"] = str(size)
        return response
    try:
        part = _requested_part(request, size=size, etag=etag, most=most)
    except UnsatisfiableRangeError:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    sent = part or ByteRange(0, size)
    response = _PartResponse(_Part(name, sent))
    response["Content-Length"] = str(sent.stop - sent.start)
    if part is not None:
        response.status_code = 206
        response["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    return response


def _requested_part(
    request: HttpRequest, *, size: int, etag: str, most: int | None
) -> ByteRange | None:
    """Return the requested range; None for the whole file, also with a stale If-Range."""
    if_range = request.headers.get("If-Range")
    if if_range is not None and if_range != etag:
        return None
    header = request.headers.get("Range", "").strip()
    part = parse_range(header, size=size)
    if part is None or most is None or not header.endswith("-"):
        return part
    return ByteRange(part.start, min(part.start + most, part.stop))


class _PartResponse(FileResponse):
    """Lets the web server send the file itself, so that a slow client keeps no thread."""

    block_size = 1 << 16

    def set_headers(self, filelike: IO[bytes]) -> None:
        """Leave the headers as they are: Django would add the file's name."""


class _Part:
    """A stored file that ends where the part does; opened at its first use."""

    def __init__(self, name: str, part: ByteRange) -> None:
        self._name, self._part = name, part

    @cached_property
    def _file(self) -> IO[bytes]:
        file: IO[bytes] = default_storage.open(self._name)
        file.seek(self._part.start)
        return file

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int) -> bytes:
        return self._file.read(max(0, min(size, self._part.stop - self.tell())))

    def close(self) -> None:
        if "_file" in self.__dict__:
            self._file.close()
