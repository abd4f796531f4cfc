"""Checks of a recording's header and structure, before a decoder opens it."""

from __future__ import annotations

import os
import struct
from enum import StrEnum
from io import FileIO
from typing import Self

from retrieval.engine.errors import AudioDecodeError

MAX_TAG_BYTES = 16_000_000

_SNIFFED_BYTES = 64
_MAX_PADDING_BYTES = 4_096
_EBML = b"\x1a\x45\xdf\xa3"
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_W64 = b"riff\x2e\x91\xcf\x11"
_STILL_PICTURE_BRANDS = frozenset({b"heic", b"heix", b"mif1", b"avif", b"avis", b"msf1"})
_UNKNOWN_AU_LENGTH = 0xFFFFFFFF


class Container(StrEnum):
    """The accepted file formats: name, FFmpeg demuxer, media type."""

    demuxer: str
    media_type: str

    WAV = "wav", "wav", "audio/wav"
    RF64 = "rf64", "wav", "audio/wav"
    W64 = "w64", "w64", "audio/x-w64"
    AIFF = "aiff", "aiff", "audio/aiff"
    AU = "au", "au", "audio/basic"
    CAF = "caf", "caf", "audio/x-caf"
    FLAC = "flac", "flac", "audio/flac"
    OGG = "ogg", "ogg", "audio/ogg"
    MP3 = "mp3", "mp3", "audio/mpeg"
    ADTS = "aac", "aac", "audio/aac"
    MP4 = "mp4", "mov", "audio/mp4"
    WEBM = "webm", "matroska", "audio/webm"
    MATROSKA = "matroska", "matroska", "audio/x-matroska"
    ASF = "asf", "asf", "audio/x-ms-wma"

    def __new__(cls, name: str, demuxer: str = "", media_type: str = "") -> Self:
        """Store the demuxer and the media type as attributes of the member."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.demuxer, member.media_type = demuxer, media_type
        return member


# Header of a chunk (name and length), place of the first, name of the samples' chunk, alignment.
_CHUNKS = {
    Container.WAV: (struct.Struct("<4sI"), 12, b"data", 2),
    Container.AIFF: (struct.Struct(">4sI"), 12, b"SSND", 2),
    Container.CAF: (struct.Struct(">4sq"), 8, b"data", 1),
}


def identify(file: FileIO) -> Container:
    """Return a recording's format by its first bytes, whatever its name.

    It changes the file's position.

    Raises
    ------
    AudioDecodeError
        ``unsupported_media_type`` for anything else, such as text, playlists,
        archives and pictures; ``audio_metadata_too_large`` for tags of more than
        ``MAX_TAG_BYTES``.
    """
    file.seek(0)
    head = file.read(_SNIFFED_BYTES)
    container = _by_signature(head)
    if container is None:
        container = _mpeg_audio(_after_tags(file, head))
    if container is None:
        msg = f"not a recording in a known format (it begins with {head[:12]!r})"
        raise AudioDecodeError(msg, code="unsupported_media_type")
    return container


def _by_signature(head: bytes) -> Container | None:
    chunked = {
        (b"RIFF", b"WAVE"): Container.WAV,
        (b"RF64", b"WAVE"): Container.RF64,
        (b"FORM", b"AIFF"): Container.AIFF,
        (b"FORM", b"AIFC"): Container.AIFF,
    }
    plain = {
        _W64: Container.W64,
        b".snd": Container.AU,
        b"caff": Container.CAF,
        b"fLaC": Container.FLAC,
        b"OggS": Container.OGG,
        _ASF: Container.ASF,
        _EBML: Container.WEBM if b"webm" in head else Container.MATROSKA,
    }
    if head[4:8] == b"ftyp" and head[8:12] not in _STILL_PICTURE_BRANDS:
        return Container.MP4
    by_prefix = (kind for prefix, kind in plain.items() if head.startswith(prefix))
    return chunked.get((head[:4], head[8:12])) or next(by_prefix, None)


def _after_tags(file: FileIO, head: bytes) -> bytes:
    """Skip ID3 tags and the zero padding that some writers add; return the bytes after them."""
    position = 0
    while head[:3] == b"ID3" and len(head) >= 10:
        b6, b7, b8, b9 = head[6:10]  # seven bits each
        length = 10 + (b6 << 21 | b7 << 14 | b8 << 7 | b9)
        position += length
        if position > MAX_TAG_BYTES:
            msg = f"the recording's tags take {position} bytes, at most {MAX_TAG_BYTES} are read"
            raise AudioDecodeError(msg, code="audio_metadata_too_large")
        file.seek(position)
        head = file.read(_MAX_PADDING_BYTES)
    return head.lstrip(b"\x00") if position else head


def _mpeg_audio(head: bytes) -> Container | None:
    """Identify MPEG layers II and III and AAC by the first frame header."""
    if head.startswith(b"fLaC"):
        return Container.FLAC
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 0b11, head[1] >> 1 & 0b11
    if head[1] & 0xF6 == 0xF0:
        return Container.ADTS
    rate_known = head[2] >> 2 & 0b11 != 0b11 and head[2] >> 4 != 0b1111
    return Container.MP3 if version != 0b01 and layer in {0b01, 0b10} and rate_known else None


def counts_its_frames(file: FileIO) -> bool:
    """Return whether an MP3 declares its length (a Xing, Info or VBRI header).

    Without it libsndfile estimates the length from the first frame's bit rate and
    stops there. It changes the file's position.
    """
    file.seek(0)
    first_frame = _after_tags(file, file.read(_MAX_PADDING_BYTES))[:256]
    return any(marker in first_frame for marker in (b"Xing", b"Info", b"VBRI"))


def check_complete(file: FileIO, container: Container) -> None:
    """Reject a file that is shorter than its structure declares, or has an invalid structure.

    Uncompressed formats are checked by the length of their data, Ogg by its pages;
    for the others the decoder counts the samples. It changes the file's position.

    Raises
    ------
    AudioDecodeError
        ``audio_truncated``; ``audio_bad_format`` for a header without channels or
        sample rate; ``audio_unsupported_stream`` for an Ogg file of several streams,
        of which decoders would decode only the first.
    """
    size = os.fstat(file.fileno()).st_size
    if container in _CHUNKS:
        _check_chunks(file, size, container)
    elif container is Container.OGG:
        _check_ogg(file, size)
    elif container in {Container.AU, Container.W64, Container.RF64}:
        _check_reaches(size, _stated_end(file, container))


def _check_reaches(size: int, end: int) -> None:
    if end > size:
        msg = f"the recording is truncated: it has {size} of {end} bytes"
        raise AudioDecodeError(msg, code="audio_truncated")


def _stated_end(file: FileIO, container: Container) -> int:
    file.seek(0)
    head = file.read(28).ljust(28, b"\x00")
    if container is Container.W64:
        return int(struct.unpack_from("<Q", head, 16)[0])
    if container is Container.RF64:  # the size is in its ds64 chunk
        return int(struct.unpack_from("<Q", head, 20)[0]) + 8
    offset, length = struct.unpack_from(">II", head, 4)
    return 0 if length == _UNKNOWN_AU_LENGTH else int(offset + length)


def _check_chunks(file: FileIO, size: int, container: Container) -> None:
    """Walk the chunks of a file up to its samples."""
    header, position, samples, alignment = _CHUNKS[container]
    while position + header.size <= size:
        file.seek(position)
        kind, length = header.unpack(file.read(header.size))
        position += header.size
        if kind == b"fmt ":
            _check_wave_format(file.read(8).ljust(8, b"\x00"))
        if kind == samples:
            _check_reaches(size, position + length)
            return
        position += max(0, length + length % alignment)


def _check_wave_format(fields: bytes) -> None:
    channels, sample_rate_hz = struct.unpack("<2xHI", fields)
    if channels == 0 or not 0 < sample_rate_hz < 2**31:
        msg = f"the header declares {channels} channels at {sample_rate_hz} Hz"
        raise AudioDecodeError(msg, code="audio_bad_format")


def _check_ogg(file: FileIO, size: int) -> None:
    """Walk the pages of an Ogg file (RFC 3533)."""
    streams = end = 0
    while True:
        file.seek(end)
        head = file.read(27 + 255)
        if len(head) < 27 or not head.startswith(b"OggS"):
            break
        segments = head[26]
        end += 27 + segments + sum(head[27 : 27 + segments])
        streams += bool(head[5] & 0x02)
        if streams > 1:
            msg = "the Ogg file has several streams; one is accepted"
            raise AudioDecodeError(msg, code="audio_unsupported_stream")
    _check_reaches(size, end)
