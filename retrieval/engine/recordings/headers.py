"""Checks of a recording's header and structure, before a decoder opens it."""

from __future__ import annotations

import os
import struct
from enum import StrEnum
from io import FileIO
from typing import Self

from retrieval.engine.errors import AudioDecodeError
from retrieval.engine.recordings.mpeg_frames import end_of_tags, first_frame

_SNIFFED_BYTES = 64
_MAX_PADDING_BYTES = 4_096  # zeros behind tags
_EBML = b"\x1a\x45\xdf\xa3"
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_W64 = b"riff\x2e\x91\xcf\x11"
_STILL_PICTURE_BRANDS = frozenset({b"heic", b"heix", b"mif1", b"avif", b"avis", b"msf1"})
_UNKNOWN_AU_LENGTH = 0xFFFFFFFF
_LARGEST_LENGTH = 1 << 62  # a pipe's "unknown" in formats of 64 bits
_OGG_DESCRIPTION = b"fishead\x00"  # Skeleton: tells about the streams beside it


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
        archives and pictures; ``audio_metadata_too_large``.
    """
    file.seek(0)
    head = file.read(_SNIFFED_BYTES)
    container = _by_signature(head) or _behind_tags(file)
    if container is None:
        msg = f"not a recording in a known format (it begins with {head[:12]!r})"
        raise AudioDecodeError(msg, code="unsupported_media_type")
    return container


def _behind_tags(file: FileIO) -> Container | None:
    """Identify FLAC with tags before it, and MPEG audio by its frames, whatever is before them."""
    start = end_of_tags(file)
    file.seek(start)
    if start and file.read(_MAX_PADDING_BYTES).lstrip(b"\x00").startswith(b"fLaC"):
        return Container.FLAC
    frame = first_frame(file)
    return None if frame is None else Container.ADTS if frame.is_aac else Container.MP3


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


def states_samples(file: FileIO) -> bool:
    """Return whether a FLAC states its number of samples: one from a pipe does not.

    libsndfile reports an error at the end of such a file.
    """
    file.seek(end_of_tags(file))
    head = file.read(_MAX_PADDING_BYTES + 26).lstrip(b"\x00")
    info = head[8:26]  # behind the signature and the header of the first block
    return bool(int.from_bytes(info[13:18], "big") & (1 << 36) - 1)


def _check_reaches(size: int, end: int) -> None:
    if end > size:
        msg = f"the recording is truncated: it has {size} of {end} bytes"
        raise AudioDecodeError(msg, code="audio_truncated")


def _stated_end(file: FileIO, container: Container) -> int:
    file.seek(0)
    head = file.read(28).ljust(28, b"\x00")
    if container is Container.W64:
        return _known(int(struct.unpack_from("<Q", head, 16)[0]))
    if container is Container.RF64:  # the size is in its ds64 chunk
        return _known(int(struct.unpack_from("<Q", head, 20)[0])) + 8
    offset, length = struct.unpack_from(">II", head, 4)
    return 0 if length == _UNKNOWN_AU_LENGTH else int(offset + length)


def _known(length: int) -> int:
    return 0 if length >= _LARGEST_LENGTH else length


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
            if container is Container.CAF or not _is_from_pipe(file, header, length):
                _check_reaches(size, position + length)
            return
        position += max(0, length + length % alignment)


def _is_from_pipe(file: FileIO, header: struct.Struct, length: int) -> bool:
    """Return whether all lengths were written before the samples: a pipe cannot be rewritten.

    Programs write 0, the largest number, or the largest of its signed type, rounded down.
    """
    file.seek(0)
    _kind, whole = header.unpack(file.read(header.size))
    return all(
        stated == 0 or stated >= 0xFFFFF000 or 0x7F000000 <= stated < 0x80001000
        for stated in (length, whole)
    )


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
        file.seek(end + 27 + segments)
        describes = file.read(len(_OGG_DESCRIPTION)) == _OGG_DESCRIPTION
        end += 27 + segments + sum(head[27 : 27 + segments])
        streams += bool(head[5] & 0x02) and not describes
        if streams > 1:
            msg = "the Ogg file has several streams; one is accepted"
            raise AudioDecodeError(msg, code="audio_unsupported_stream")
    _check_reaches(size, end)
