"""Copy the sound of an Ogg file (RFC 3533) page by page, without decoding it.

Every decoder gets the same samples from the copy: the identification and setup headers, the
division into audio pages, their packets, flags and granule positions are the recording's. New are
the comment header, which no decoder needs, and the serial number, page numbers and checksums, by
which decoders select the pages of a stream and notice damaged or missing ones. Where they would
notice any, the file is not copied.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import BinaryIO, Final, NamedTuple

from retrieval.engine.errors import AudioDecodeError

# Signature, version, flags, granule position, serial number, page number, checksum, and the number
# of lacing values, which follow: a packet is that many full segments and one that is not full.
_HEAD: Final = struct.Struct("<4sBBqIIIB")
_FULL: Final = 255
_MOST_SEGMENTS: Final = 255

_CONTINUES, _FIRST, _LAST = 1, 2, 4  # flags
_NO_PACKET_ENDS: Final = -1  # a granule position

_SERIAL: Final = 1  # encoders draw one at random, by which files could be compared
_MOST_HEADER_BYTES: Final = 1 << 24  # tags contain pictures

_NO_TAGS: Final = struct.pack("<I3sI", 3, b"ogg", 0)  # the encoder's name, and the number of tags

# Decoders skip such packets in the sound, or stop before them; they may contain tags.
_HEADER: Final = re.compile(rb"[\1\3\5]vorbis|Opus")

_REVERSED: Final = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


@dataclass(frozen=True, slots=True)
class _Codec:
    """The headers before the sound: `comment` is the packet that replaces the tags."""

    identification: bytes
    identification_bytes: int
    comment: bytes
    setup: bytes = b""


_CODECS: Final = {
    "vorbis": _Codec(b"\x01vorbis", 30, b"\x03vorbis" + _NO_TAGS + b"\x01", b"\x05vorbis"),
    "opus": _Codec(b"OpusHead", 19, b"OpusTags" + _NO_TAGS),
}


class _Page(NamedTuple):
    flags: int
    granule: int
    lacing: bytes
    body: bytes

    def encode(self, number: int, serial: int = _SERIAL) -> bytes:
        fields = (b"OggS", 0, self.flags, self.granule, serial, number)
        content = self.lacing + self.body
        checksum = _checksum(_HEAD.pack(*fields, 0, len(self.lacing)) + content)
        return _HEAD.pack(*fields, checksum, len(self.lacing)) + content


def copy_sound(source: BinaryIO, target: BinaryIO, *, codec: str, sample_rate_hz: int) -> float:
    """Copy a file that contains one whole stream of Vorbis or Opus, and nothing else.

    The copy has no tags. Memory is bounded.

    Returns
    -------
    float
        The time in seconds at which the sound ends, by its granule positions. It is more than the
        decoded duration in a part of a longer recording.

    Raises
    ------
    AudioDecodeError
        For any other file, such as one with a damaged or missing page, with several streams, with
        bytes between pages or after the last, or with headers or an unfinished packet in the
        sound. A part of the copy may be written.
    """
    if codec not in _CODECS:
        raise _not_copied(f"its codec is {codec}")
    pages = _read_pages(source)
    identification, others = _headers(pages, _CODECS[codec])
    target.write(identification.encode(0) + others.encode(1))
    end, page = 0, others
    for number, page in enumerate(pages, 2):
        if page.granule != _NO_PACKET_ENDS:
            if page.granule < end:
                raise _not_copied(f"its granule position {page.granule} follows {end}")
            end = page.granule
        if any(_HEADER.match(page.body, at) for at in _packet_starts(page)):
            raise _not_copied(f"page {number} of the copy would contain a header")
        target.write(page.encode(number))
    if page.lacing[-1:] == bytes([_FULL]):
        raise _not_copied("its last packet is not complete")
    if codec == "opus":
        skipped, sample_rate_hz = int.from_bytes(identification.body[10:12], "little"), 48_000
        end -= skipped
    return end / sample_rate_hz


def _headers(pages: Iterator[_Page], codec: _Codec) -> tuple[_Page, _Page]:
    """Read the pages before the sound and return those of the copy."""
    first = next(pages, _Page(0, 0, b"", b""))
    one_packet = (_FIRST, 0, bytes([codec.identification_bytes]))
    if first[:3] != one_packet or not first.body.startswith(codec.identification):
        raise _not_copied(f"its first packet begins with {first.body[:8]!r}")
    lacing, body = _read_packets(pages, 2 if codec.setup else 1)
    comment_segments = next(at for at, length in enumerate(lacing, 1) if length < _FULL)
    setup = body[sum(lacing[:comment_segments]) :]
    if not (body.startswith(codec.comment[:7]) and setup.startswith(codec.setup)):
        raise _not_copied(f"its headers begin with {body[:7]!r} and {setup[:7]!r}")
    new_lacing = bytes([len(codec.comment)]) + lacing[comment_segments:]
    if len(new_lacing) > _MOST_SEGMENTS:
        raise _not_copied(f"its setup header has {len(setup)} bytes")
    return first, _Page(0, 0, new_lacing, codec.comment + setup)


def _read_packets(pages: Iterator[_Page], wanted: int) -> tuple[bytes, bytes]:
    """Return the lacing values and the content of pages that contain the wanted packets."""
    lacing, body, packets = bytearray(), bytearray(), 0
    while packets < wanted and len(body) < _MOST_HEADER_BYTES:
        page = next(pages, None)
        if page is None or page.granule not in (0, _NO_PACKET_ENDS):
            break
        lacing += page.lacing
        body += page.body
        packets += len(page.lacing) - page.lacing.count(_FULL)
    # The sound begins in a page of its own.
    if packets != wanted or lacing[-1] == _FULL:
        raise _not_copied(f"{packets} of {wanted} packets are in the {len(body)} bytes of headers")
    return bytes(lacing), bytes(body)


def _read_pages(file: BinaryIO) -> Iterator[_Page]:
    """Yield the pages of a file that consists of one stream's pages, whole and in order."""
    serial, page = 0, _Page(0, 0, b"", b"")
    for number in count():
        head = file.read(_HEAD.size)
        if not head:
            return
        if page.flags & _LAST or len(head) < _HEAD.size:
            raise _not_copied(f"{head[:8]!r} are behind page {number - 1}")
        expected = _CONTINUES if page.lacing[-1:] == bytes([_FULL]) else 0 if number else _FIRST
        _, _, flags, granule, stated_serial, _, _, segments = _HEAD.unpack(head)
        serial = serial if number else stated_serial
        lacing = file.read(segments)
        page = _Page(flags, granule, lacing, file.read(sum(lacing)))
        if (
            flags & ~_LAST != expected
            or len(page.body) != sum(lacing)
            or page.encode(number, serial)[: _HEAD.size] != head
        ):
            raise _not_copied(f"page {number} is damaged, missing or of another stream")
        yield page


def _packet_starts(page: _Page) -> Iterator[int]:
    """Yield where packets begin in the body of a page."""
    at, begins = 0, not page.flags & _CONTINUES
    for length in page.lacing:
        if begins:
            yield at
        at, begins = at + length, length < _FULL


def _checksum(page: bytes) -> int:
    """Return Ogg's CRC-32 of a page whose checksum field is 0.

    zlib's has the same polynomial, but it takes the bits of each byte in the opposite order, begins
    with all ones and inverts the result. So the bits are reversed before and after, the result is
    inverted again, and the initial value is given as all ones, which zlib inverts to Ogg's 0.
    """
    register = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(register.to_bytes(4, "big").translate(_REVERSED), "little")


def _not_copied(fault: str) -> AudioDecodeError:
    return AudioDecodeError(f"the Ogg file cannot be copied page by page: {fault}")
