"""Open a recording of any accepted format to read its samples."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

import soundfile

from retrieval.engine.errors import AudioDecodeError
from retrieval.engine.recordings.decoders import AudioSource, FfmpegSource, LibsndfileSource
from retrieval.engine.recordings.headers import (
    Container,
    check_complete,
    identify,
    states_samples,
)
from retrieval.engine.recordings.mpeg_frames import count_is_right

_FOR_FFMPEG_ONLY = frozenset(
    {Container.ADTS, Container.MP4, Container.WEBM, Container.MATROSKA, Container.ASF}
)


@contextmanager
def open_source(path: Path, *, max_bytes: int) -> Iterator[AudioSource]:
    """Open a recording to read it once.

    Its content selects the decoder, never its name.

    Raises
    ------
    AudioDecodeError
        ``file_unreadable``, ``file_empty``, ``file_too_large``,
        ``unsupported_media_type``, ``audio_bad_format``, ``audio_truncated``,
        ``audio_unsupported_stream``, ``audio_metadata_too_large`` or
        ``audio_decode_failed``; the last and ``audio_truncated`` also while blocks are
        read.
    """
    with _open_file(path, max_bytes) as file:
        container = identify(file)
        check_complete(file, container)
        source = _choose_decoder(file, container)
        try:
            yield source
        finally:
            source.close()


def _open_file(path: Path, max_bytes: int) -> FileIO:
    try:
        _check_bytes(path.stat().st_size, max_bytes)
        return FileIO(path)
    except OSError as error:
        msg = f"the file cannot be read: {error}"
        raise AudioDecodeError(msg, code="file_unreadable") from error


def _check_bytes(size: int, max_bytes: int) -> None:
    if size == 0:
        msg = "the file is empty"
        raise AudioDecodeError(msg, code="file_empty")
    if size > max_bytes:
        msg = f"the file has {size} bytes, at most {max_bytes} are accepted"
        raise AudioDecodeError(msg, code="file_too_large")


def _choose_decoder(file: FileIO, container: Container) -> AudioSource:
    uncounted = (container is Container.MP3 and not count_is_right(file)) or (
        container is Container.FLAC and not states_samples(file)
    )
    if container not in _FOR_FFMPEG_ONLY and not uncounted:
        try:
            return LibsndfileSource(file, container)
        except soundfile.LibsndfileError:
            pass  # such as MP3 within WAV, which FFmpeg may decode
    return FfmpegSource(file, container)
