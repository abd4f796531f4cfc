"""Malformed HEIC files."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from retrieval.engine.photos import images  # noqa: F401 # Pillow writes HEIC once this is imported
from retrieval.tests.engine.toy_photos import encoded, gradient

_CONTAINERS = frozenset({b"iprp", b"ipco"})


def still() -> bytes:
    return encoded(gradient(64, 64), "HEIF")


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def full_box(kind: bytes, content: bytes, *, version: int = 0, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags) + content)


def sequence() -> bytes:
    """An HEVC image sequence, as phones write bursts."""
    return box(b"ftyp", b"hevc" + bytes(4) + b"msf1hevc") + still()[28:]


def with_a_part_that_breaks_off() -> bytes:
    """792 bytes with boxes that declare more than the file has; such files crashed libheif 1.21."""
    damaged = bytearray(still())
    place = damaged.index(b"hvcC")
    damaged[place + 4 + 22] = 0xFF  # more parameter arrays than follow
    struct.pack_into(">H", damaged, place + 4 + 24, 0xFFFF)
    damaged += box(b"free", bytes(792 - len(damaged) - 8))
    return bytes(damaged)


def with_one_extent_beyond_the_end() -> bytes:
    damaged = bytearray(still())
    place = damaged.index(b"iloc") + 4
    struct.pack_into(">I", damaged, place + 18, 0x7FFF_FFFF)
    return bytes(damaged)


def odd_grid(*, rows: int = 2, columns: int = 3, tiles: int = 1) -> bytes:
    """A picture composed of tiles, most of which are missing."""
    coded, configuration = _coded_picture()
    grid = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, 64 * columns, 64 * rows)
    ids = list(range(2, 2 + tiles))
    properties = box(
        b"ipco",
        box(b"hvcC", configuration)
        + full_box(b"ispe", struct.pack(">II", 64, 64))
        + full_box(b"ispe", struct.pack(">II", 64 * columns, 64 * rows)),
    )
    associations = full_box(
        b"ipma",
        struct.pack(">I", 1 + tiles)
        + struct.pack(">HBB", 1, 1, 0x83)
        + b"".join(struct.pack(">HBBB", tile, 2, 0x81, 0x82) for tile in ids),
    )
    entries = [_info(1, b"grid"), *(_info(tile, b"hvc1") for tile in ids)]
    references = box(b"dimg", struct.pack(">HH", 1, tiles) + struct.pack(f">{tiles}H", *ids))

    def meta(data_at: int) -> bytes:
        places = [(1, data_at, len(grid)), *((t, data_at + len(grid), len(coded)) for t in ids)]
        locations = struct.pack(">BBH", 0x44, 0, len(places)) + b"".join(
            struct.pack(">HHHII", item, 0, 1, at, length) for item, at, length in places
        )
        return full_box(
            b"meta",
            full_box(b"hdlr", bytes(4) + b"pict" + bytes(13))
            + full_box(b"pitm", struct.pack(">H", 1))
            + full_box(b"iloc", locations)
            + full_box(b"iinf", struct.pack(">H", len(entries)) + b"".join(entries))
            + full_box(b"iref", references)
            + box(b"iprp", properties + associations),
        )

    head = box(b"ftyp", b"heic" + bytes(4) + b"mif1heic")
    return head + meta(len(head) + len(meta(0)) + 8) + box(b"mdat", grid + coded)


def _info(item: int, kind: bytes) -> bytes:
    return full_box(b"infe", struct.pack(">HH", item, 0) + kind + b"\x00", version=2)


def _coded_picture() -> tuple[bytes, bytes]:
    """The coded pixels of a tile and the configuration of its decoder."""
    whole = still()
    found = dict(_boxes(whole, 0, len(whole)))
    return found[b"mdat"], found[b"hvcC"]


def _boxes(data: bytes, position: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    while position + 8 <= end:
        length, kind = struct.unpack_from(">I4s", data, position)
        inside = position + (12 if kind == b"meta" else 8)
        yield kind, data[inside : position + length]
        if kind == b"meta" or kind in _CONTAINERS:
            yield from _boxes(data, inside, position + length)
        position += length
