"""Ogg files taken apart and put together, independently of the code that is tested."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import NamedTuple

_HEAD = struct.Struct("<4sBBqIIIB")
CONTINUES, FIRST, LAST = 1, 2, 4


def checksum_bit_by_bit(data: bytes) -> int:
    """RFC 3533's CRC-32."""
    register = 0
    for byte in data:
        register ^= byte << 24
        for _ in range(8):
            register = (register << 1) ^ (0x104C11DB7 if register & 0x80000000 else 0)
    return register


class Page(NamedTuple):
    """A page any of whose fields can be replaced; the checksum None means the right one."""

    flags: int
    granule: int
    lacing: bytes
    body: bytes
    serial: int = 0
    number: int = 0
    checksum: int | None = None
    version: int = 0

    def encoded(self) -> bytes:
        fields = (b"OggS", self.version, self.flags, self.granule, self.serial, self.number)
        content = self.lacing + self.body
        checksum = self.checksum
        if checksum is None:
            head = _HEAD.pack(*fields, 0, len(self.lacing))
            checksum = checksum_bit_by_bit(head + content)
        return _HEAD.pack(*fields, checksum, len(self.lacing)) + content


def pages_of(data: bytes) -> list[Page]:
    """The pages of a file without faults, with their checksums as they are."""
    pages, at = [], 0
    while at < len(data):
        _, version, flags, granule, serial, number, checksum, segments = _HEAD.unpack_from(data, at)
        at += _HEAD.size + segments
        lacing = data[at - segments : at]
        body = data[at : at + sum(lacing)]
        pages.append(Page(flags, granule, lacing, body, serial, number, checksum, version))
        at += len(body)
    return pages


def encoded(pages: Iterable[Page]) -> bytes:
    return b"".join(page.encoded() for page in pages)


def numbered(pages: Iterable[Page], serial: int = 77) -> list[Page]:
    """The pages as one stream, with right checksums."""
    return [
        page._replace(serial=serial, number=number, checksum=None)
        for number, page in enumerate(pages)
    ]


def packets_of(pages: Iterable[Page]) -> list[bytes]:
    packets, rest = [], b""
    for page in pages:
        at = 0
        for length in page.lacing:
            rest += page.body[at : at + length]
            at += length
            if length < 255:
                packets.append(rest)
                rest = b""
    return packets


def divided(packets: list[bytes], segments: Iterator[int], *, samples: int = 0) -> list[Page]:
    """Pages of so many segments each, and `samples` samples."""
    lacing = b"".join(b"\xff" * (len(it) // 255) + bytes([len(it) % 255]) for it in packets)
    body = b"".join(packets)
    pages: list[Page] = []
    while lacing:
        here = lacing[: next(segments)]
        continues = CONTINUES if pages and pages[-1].lacing[-1] == 255 else 0
        granule = -1 if min(here) == 255 else samples * (len(pages) + 1)
        pages.append(Page(continues, granule, here, body[: sum(here)]))
        lacing, body = lacing[len(here) :], body[sum(here) :]
    return pages


def with_tags(data: bytes, tags: dict[bytes, bytes], *, serial: int = 77) -> bytes:
    """The file with these tags, in pages of 200 segments, and this serial number."""
    identification, *pages = pages_of(data)
    sound = next(at for at, page in enumerate(pages) if page.granule > 0)
    comment, *setup = packets_of(pages[:sound])
    start, end = (b"\x03vorbis", b"\1") if setup else (b"OpusTags", b"")
    assert comment.startswith(start)
    listed = [key + b"=" + value for key, value in tags.items()]
    sized = [struct.pack("<I", len(text)) + text for text in (b"an encoder", *listed)]
    comment = start + sized[0] + struct.pack("<I", len(listed)) + b"".join(sized[1:]) + end
    headers = divided([comment, *setup], repeat(200))
    return encoded(numbered([identification, *headers, *pages[sound:]], serial))
