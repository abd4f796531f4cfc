"""From an untrusted recording to blocks of samples, whatever its format.

libsndfile decodes what it can, FFmpeg (through PyAV) the rest. Either is told
which format to expect, so that the file's content, never its name, decides which
code runs. FFmpeg sees nothing but the bytes of the one open file: playlists and
other formats that name further files or addresses are not among its formats, and
a hook refuses whatever else it might want to open.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Protocol

import av
import numpy as np
import soundfile
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container.input import InputContainer
from numpy.typing import NDArray

from retrieval.engine.audio_headers import (
    Container,
    check_complete,
    counts_its_frames,
    identify,
)
from retrieval.engine.errors import AudioDecodeError

BLOCK_FRAMES = 1 << 16
TRUNCATION_TOLERANCE_S = 0.25  # encoder delay, and headers that round

_FOR_FFMPEG_ONLY = frozenset(
    {Container.ADTS, Container.MP4, Container.WEBM, Container.MATROSKA, Container.ASF}
)
_DEMUXERS = {
    Container.WAV: "wav",
    Container.RF64: "wav",
    Container.W64: "w64",
    Container.AIFF: "aiff",
    Container.AU: "au",
    Container.CAF: "caf",
    Container.FLAC: "flac",
    Container.OGG: "ogg",
    Container.MP3: "mp3",
    Container.ADTS: "aac",
    Container.MP4: "mov",
    Container.WEBM: "matroska",
    Container.MATROSKA: "matroska",
    Container.ASF: "asf",
}
# Only these state their length; of the others FFmpeg guesses it by the bit rate.
_STATES_LENGTH = frozenset(
    {Container.WAV, Container.AIFF, Container.CAF, Container.FLAC, Container.MP4}
    | {Container.WEBM, Container.MATROSKA, Container.ASF}
)
_CODECS = (
    "aac,alac,flac,mp2,mp2float,mp3,mp3float,opus,libopus,vorbis,wmalossless,wmapro,wmav1,wmav2,"
    "adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,pcm_alaw,pcm_mulaw,pcm_f32be,pcm_f32le,pcm_f64be,"
    "pcm_f64le,pcm_s16be,pcm_s16le,pcm_s24be,pcm_s24le,pcm_s32be,pcm_s32le,pcm_s8,pcm_u8"
)
_CODEC_NAMES = {
    "mpeg_layer_iii": "mp3",
    "mpeg_layer_ii": "mp2",
    "mp3float": "mp3",
    "mp2float": "mp2",
    "libopus": "opus",
}
_FULL_SCALE = {"s16": 2.0**15, "s32": 2.0**31, "u8": 2.0**7}


class AudioSource(Protocol):
    """An open recording, read once from its beginning to its end."""

    container: Container
    codec: str
    sample_rate_hz: int
    channels: int
    stated_duration_s: float | None

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Decode: float32 [frames, channels], full scale 1, some 65 536 frames each."""
        ...


@contextmanager
def open_source(path: Path, *, max_bytes: int) -> Iterator[AudioSource]:
    """Open a recording for one reading.

    Parameters
    ----------
    path : Path
        The file; its name plays no part.
    max_bytes : int
        Largest file that is accepted.

    Yields
    ------
    AudioSource
        Knows its format; ``blocks()`` decodes it.

    Raises
    ------
    AudioDecodeError
        ``file_unreadable``, ``file_empty``, ``file_too_large``,
        ``unsupported_media_type``, ``audio_bad_format``, ``audio_truncated``,
        ``audio_unsupported_stream``, ``audio_metadata_too_large`` or
        ``audio_decode_failed``; the last and ``audio_truncated`` also while
        blocks are read.
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


def _choose_decoder(file: FileIO, container: Container) -> _LibsndfileSource | _FfmpegSource:
    uncounted_mp3 = container is Container.MP3 and not counts_its_frames(file)
    if container not in _FOR_FFMPEG_ONLY and not uncounted_mp3:
        try:
            return _LibsndfileSource(file, container)
        except soundfile.LibsndfileError:
            pass  # such as Speex in Ogg: FFmpeg has the last word
    return _FfmpegSource(file, container)


class _CountingSource:
    """What both decoders share: holding a recording to the length it states."""

    container: Container
    sample_rate_hz: int
    stated_duration_s: float | None
    _decoder_errors: tuple[type[Exception], ...]

    def _decode(self) -> Iterator[NDArray[np.float32]]:
        raise NotImplementedError

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        frames = 0
        try:
            for block in self._decode():
                frames += len(block)
                yield block
        except self._decoder_errors as error:
            self._check_length(frames)
            msg = f"the recording cannot be decoded after {self._seconds(frames):.1f} s: {error}"
            raise AudioDecodeError(msg) from error
        self._check_length(frames)

    def _seconds(self, frames: int) -> float:
        return frames / self.sample_rate_hz

    def _check_length(self, frames: int) -> None:
        if frames == 0 or self.stated_duration_s is None:
            return
        if self._seconds(frames) < self.stated_duration_s - TRUNCATION_TOLERANCE_S:
            msg = (
                f"the recording breaks off after {self._seconds(frames):.1f} of the "
                f"{self.stated_duration_s:.1f} s that its header states"
            )
            raise AudioDecodeError(msg, code="audio_truncated")


class _LibsndfileSource(_CountingSource):
    _decoder_errors = (soundfile.LibsndfileError,)

    def __init__(self, file: FileIO, container: Container) -> None:
        file.seek(0)
        # By descriptor: libsndfile then has no name whose ending could choose a decoder.
        self._sound = soundfile.SoundFile(file.fileno(), closefd=False)
        self.container = container
        subtype = self._sound.subtype.lower()
        self.codec = "flac" if container is Container.FLAC else _CODEC_NAMES.get(subtype, subtype)
        self.sample_rate_hz = int(self._sound.samplerate)
        self.channels = int(self._sound.channels)
        self.stated_duration_s = self._sound.frames / self.sample_rate_hz

    def _decode(self) -> Iterator[NDArray[np.float32]]:
        while True:
            block = self._sound.read(BLOCK_FRAMES, dtype="float32", always_2d=True)
            if not len(block):
                return
            yield block

    def close(self) -> None:
        self._sound.close()


class _FfmpegSource(_CountingSource):
    _decoder_errors = (av.FFmpegError,)

    def __init__(self, file: FileIO, container: Container) -> None:
        file.seek(0)
        self.container = container
        try:
            self._opened = av.open(
                file,
                "r",
                format=_DEMUXERS[container],
                container_options={"codec_whitelist": _CODECS, "protocol_whitelist": "none"},
                metadata_errors="replace",
                io_open=_open_nothing_else,
            )
        except (av.FFmpegError, ValueError) as error:
            msg = f"the recording cannot be decoded: {error}"
            raise AudioDecodeError(msg) from error
        try:
            self._stream = _only_audio_stream(self._opened)
        except AudioDecodeError:
            self._opened.close()
            raise
        context = self._stream.codec_context
        self.codec = _CODEC_NAMES.get(context.name, context.name)
        self.sample_rate_hz = int(context.sample_rate)
        self.channels = int(context.channels)
        self.stated_duration_s = self._read_duration() if container in _STATES_LENGTH else None

    def _read_duration(self) -> float | None:
        stream = self._stream
        if stream.duration is not None and stream.time_base is not None:
            return float(stream.duration * stream.time_base)
        whole = self._opened.duration
        return None if whole is None else whole / av.time_base

    def _decode(self) -> Iterator[NDArray[np.float32]]:
        gathered: list[NDArray[np.float32]] = []
        frames = 0
        for frame in self._opened.decode(self._stream):
            self._check_unchanged(frame)
            gathered.append(_samples(frame))
            frames += frame.samples
            if frames >= BLOCK_FRAMES:
                yield np.concatenate(gathered)
                gathered, frames = [], 0
        if gathered:
            yield np.concatenate(gathered)

    def _check_unchanged(self, frame: AudioFrame) -> None:
        now = (frame.sample_rate, len(frame.layout.channels))
        if now != (self.sample_rate_hz, self.channels):
            msg = (
                f"the recording changes from {self.channels} channels at {self.sample_rate_hz} Hz "
                f"to {now[1]} channels at {now[0]} Hz"
            )
            raise AudioDecodeError(msg, code="audio_unsupported_stream")

    def close(self) -> None:
        self._opened.close()


def _open_nothing_else(url: str, _flags: int, _options: dict[str, str]) -> BinaryIO:
    msg = f"a recording may not open {url!r}"
    raise PermissionError(msg)


def _only_audio_stream(opened: InputContainer) -> AudioStream:
    streams = opened.streams
    if len(streams.audio) != 1:
        msg = f"the file holds {len(streams.audio)} audio streams; one is accepted"
        raise AudioDecodeError(msg, code="audio_unsupported_stream")
    if any(not video.disposition & av.stream.Disposition.attached_pic for video in streams.video):
        msg = "the file holds a film; a recording is sound only"
        raise AudioDecodeError(msg, code="audio_unsupported_stream")
    stream = streams.audio[0]
    if stream.codec_context is None:
        msg = "the recording's codec is not supported (or it is encrypted)"
        raise AudioDecodeError(msg, code="unsupported_media_type")
    return stream


def _samples(frame: AudioFrame) -> NDArray[np.float32]:
    """Bring a decoded frame to float32 [frames, channels], full scale 1."""
    values = frame.to_ndarray()
    channels = len(frame.layout.channels)
    values = values.T if frame.format.is_planar else values.reshape(-1, channels)
    kind = frame.format.name.removesuffix("p")
    if kind in _FULL_SCALE:
        offset = 128.0 if kind == "u8" else 0.0
        values = (values - offset) / _FULL_SCALE[kind]
    return np.ascontiguousarray(values, np.float32)
