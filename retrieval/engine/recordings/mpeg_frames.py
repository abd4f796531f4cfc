"""Frames of MPEG audio (ISO/IEC 11172-3, 13818-7): found and counted without decoding them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from typing import Final

from retrieval.engine.errors import AudioDecodeError

MAX_TAG_BYTES: Final = 16_000_000

_MAX_JUNK_BYTES: Final = 1 << 16
"""Where the first frame is looked for. Streams are cut anywhere; FFmpeg looks as far."""

_FRAMES_IN_A_ROW: Final = 4
_READ_BYTES: Final = 1 << 20
_SYNC: Final = re.compile(rb"\xff(?=[\xe2-\xff])")
_LONGEST_FRAME: Final = 8_192
_COUNTERS: Final = (b"Xing", b"Info")
_HAS_FRAMES: Final = 0b01
_HAS_BYTES: Final = 0b10

_RATES_HZ: Final = {0b11: (44_100, 48_000, 32_000), 0b10: (22_050, 24_000, 16_000)}
_RATES_HZ[0b00] = (11_025, 12_000, 8_000)
_KBITS: Final = {
    # MPEG 1, layers III and II; MPEG 2 and 2.5, both layers
    (True, 0b01): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (True, 0b10): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (False, 0b01): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 0b10): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a frame begins, its length, and what all frames of a stream have in common."""

    start: int
    length: int
    kind: tuple[int, ...]

    @property
    def is_aac(self) -> bool:
        """Whether it is AAC (ADTS); otherwise it is layer II or III."""
        return self.kind[0] == 0


def end_of_tags(file: FileIO) -> int:
    """Return where the ID3 and APE tags at the beginning of a file end.

    Raises
    ------
    AudioDecodeError
        ``audio_metadata_too_large`` for more than `MAX_TAG_BYTES`.
    """
    position = 0
    while True:
        file.seek(position)
        head = file.read(32)
        if head[:3] == b"ID3" and len(head) >= 10:
            b6, b7, b8, b9 = head[6:10]  # seven bits each
            position += 10 + (b6 << 21 | b7 << 14 | b8 << 7 | b9)
        elif head[:8] == b"APETAGEX" and len(head) == 32:
            position += 32 + int.from_bytes(head[12:16], "little")
        else:
            return position
        if position > MAX_TAG_BYTES:
            msg = f"the recording's tags take {position} bytes, at most {MAX_TAG_BYTES} are read"
            raise AudioDecodeError(msg, code="audio_metadata_too_large")


def first_frame(file: FileIO) -> Frame | None:
    """Return the first frame of a stream, behind tags and anything else; None without one.

    A frame is believed if three like it follow directly.
    """
    start = end_of_tags(file)
    file.seek(start)
    data = file.read(_MAX_JUNK_BYTES + _FRAMES_IN_A_ROW * _LONGEST_FRAME)
    for sync in _SYNC.finditer(data, 0, _MAX_JUNK_BYTES):
        frame = _frame(data, sync.start())
        if frame is not None and _others_follow(data, frame):
            return Frame(start + frame.start, frame.length, frame.kind)
    return None


def count_is_right(file: FileIO) -> bool:
    """Return whether an MP3 states its number of frames (Xing, Info) and should have these.

    libsndfile believes the number, and without one estimates it from the first frame. The number
    is wrong in files that were joined or never finished; it is right in one that breaks off, which
    the stated bytes tell.
    """
    first = first_frame(file)
    if first is None:
        return False
    file.seek(first.start)
    header = file.read(first.length)
    at = max(header.find(name) for name in _COUNTERS)
    if at < 0 or not header[at + 7] & _HAS_FRAMES:
        return False
    stated = int.from_bytes(header[at + 8 : at + 12], "big")
    stated_bytes = int.from_bytes(header[at + 12 : at + 16], "big")
    found = sum(1 for _ in _frames_behind(file, first))
    breaks_off = header[at + 7] & _HAS_BYTES and first.start + stated_bytes > _size(file)
    return stated == found or bool(stated > found and breaks_off)


def _size(file: FileIO) -> int:
    return os.fstat(file.fileno()).st_size


def _frames_behind(file: FileIO, first: Frame) -> Iterator[Frame]:
    """Yield the frames behind the first as far as they follow each other."""
    position, data, base = first.start + first.length, b"", 0
    while True:
        if position + 4 > base + len(data):
            base = position
            file.seek(base)
            data = file.read(_READ_BYTES)
        frame = _frame(data, position - base)
        if frame is None or frame.kind != first.kind:
            return
        yield frame
        position += frame.length


def _others_follow(data: bytes, first: Frame) -> bool:
    position = first.start
    for _ in range(_FRAMES_IN_A_ROW):
        frame = _frame(data, position)
        if frame is None or frame.kind != first.kind:
            return False
        position += frame.length
    return True


def _frame(data: bytes, at: int) -> Frame | None:
    """Return the frame whose header is at a place; None if there is no valid header."""
    head = data[at : at + 7]
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    if head[1] & 0xF6 == 0xF0:
        return _aac_frame(head, at)
    version, layer = head[1] >> 3 & 0b11, head[1] >> 1 & 0b11
    bits, rate = head[2] >> 4, head[2] >> 2 & 0b11
    if version == 0b01 or layer not in {0b01, 0b10} or rate == 0b11 or bits in {0, 15}:
        return None
    is_first_version = version == 0b11
    kbits = _KBITS[is_first_version, layer][bits - 1]
    slots = 144 if is_first_version or layer == 0b10 else 72
    length = slots * kbits * 1_000 // _RATES_HZ[version][rate] + (head[2] >> 1 & 1)
    return Frame(at, length, (1, version, layer, rate))


def _aac_frame(head: bytes, at: int) -> Frame | None:
    if len(head) < 7:
        return None
    length = (head[3] & 0b11) << 11 | head[4] << 3 | head[5] >> 5
    rate = head[2] >> 2 & 0b1111
    return Frame(at, length, (0, head[1] & 0b1000, rate)) if length >= 7 and rate < 13 else None
