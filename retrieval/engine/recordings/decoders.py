"""The two decoders of recordings: libsndfile, and FFmpeg for formats that it cannot read.

Each decoder gets the expected format, so that a file's content, never its name, selects the code
that runs. FFmpeg reads only the open file: formats that refer to other files or addresses, such as
playlists, are disabled, and a hook refuses to open anything else.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from io import FileIO
from itertools import chain, islice
from typing import BinaryIO

import av
import numpy as np
import soundfile
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container.input import InputContainer
from numpy.typing import NDArray

from retrieval.engine.errors import AudioDecodeError
from retrieval.engine.recordings.headers import Container

BLOCK_FRAMES = 1 << 16
TRUNCATION_TOLERANCE_S = 0.25  # for encoder delay and rounded headers

# Only these declare their length; FFmpeg estimates the others from the bit rate.
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

# OSError: a damaged file makes FFmpeg seek to an impossible position.
FFMPEG_ERRORS = (av.FFmpegError, ValueError, OSError)


class AudioSource(ABC):
    """An open recording, read once and checked against its declared length."""

    container: Container
    codec: str
    sample_rate_hz: int
    channels: int
    stated_duration_s: float | None
    _file: FileIO
    _decoder_errors: tuple[type[Exception], ...]

    @abstractmethod
    def _decode(self) -> Iterator[NDArray[np.float32]]:
        """Yield the decoder's blocks of frames."""

    @abstractmethod
    def close(self) -> None:
        """Close the decoder; the file stays open."""

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Decode the recording, once.

        Yields
        ------
        NDArray[np.float32], shape (frames, channels)
            Full scale is 1; about ``BLOCK_FRAMES`` each.

        Raises
        ------
        AudioDecodeError
            ``audio_truncated`` if it ends before its declared length,
            ``audio_decode_failed``, ``audio_unsupported_stream``.
        """
        frames = 0
        try:
            for block in self._decode():
                frames += len(block)
                yield block
        except self._decoder_errors as error:
            if self._is_exhausted():
                self._check_length(frames)
            msg = f"the recording cannot be decoded after {self._seconds(frames):.1f} s: {error}"
            raise AudioDecodeError(msg) from error
        self._check_length(frames)

    def _is_exhausted(self) -> bool:
        """Return whether the whole file was read: it is truncated rather than damaged."""
        return self._file.tell() >= os.fstat(self._file.fileno()).st_size

    def _seconds(self, frames: int) -> float:
        return frames / self.sample_rate_hz

    def _check_length(self, frames: int) -> None:
        stated_s = self.stated_duration_s
        if stated_s is not None and self._seconds(frames) < stated_s - TRUNCATION_TOLERANCE_S:
            msg = (
                f"the recording is truncated after {self._seconds(frames):.1f} of the "
                f"{stated_s:.1f} s that its header declares"
            )
            raise AudioDecodeError(msg, code="audio_truncated")


class LibsndfileSource(AudioSource):
    """A recording that libsndfile decodes.

    Raises
    ------
    soundfile.LibsndfileError
        If libsndfile does not support this variant of the format.
    """

    _decoder_errors = (soundfile.LibsndfileError,)

    def __init__(self, file: FileIO, container: Container) -> None:
        file.seek(0)
        self._file = file
        # By descriptor: without a file name, no suffix can select a decoder.
        self._sound = soundfile.SoundFile(file.fileno(), closefd=False)
        self.container = container
        subtype = self._sound.subtype.lower()
        self.codec = "flac" if container is Container.FLAC else _CODEC_NAMES.get(subtype, subtype)
        self.sample_rate_hz = int(self._sound.samplerate)
        self.channels = int(self._sound.channels)
        self.stated_duration_s = self._sound.frames / self.sample_rate_hz

    def _decode(self) -> Iterator[NDArray[np.float32]]:
        while len(block := self._sound.read(BLOCK_FRAMES, dtype="float32", always_2d=True)):
            yield block

    def close(self) -> None:
        """Close the decoder."""
        self._sound.close()


class FfmpegSource(AudioSource):
    """A recording that FFmpeg decodes, as the given format only."""

    _decoder_errors = FFMPEG_ERRORS

    def __init__(self, file: FileIO, container: Container) -> None:
        file.seek(0)
        self._file = file
        self.container = container
        try:
            _check_no_film(file, container)
            file.seek(0)
            self._opened = open_container(file, container)
            try:
                self._start()
            except BaseException:
                self.close()
                raise
        except FFMPEG_ERRORS as error:
            raise AudioDecodeError(f"the recording cannot be decoded: {error}") from error

    def _start(self) -> None:
        """Decode the first frame: with some kinds of AAC only it has the sample rate."""
        stream = only_audio_stream(self._opened)
        self._frames: Iterator[AudioFrame] = self._opened.decode(stream)
        self._first = next(self._frames, None)
        shown = stream.codec_context if self._first is None else self._first
        name = stream.codec_context.name
        self.codec = _CODEC_NAMES.get(name, name)
        self.sample_rate_hz = int(shown.sample_rate)
        self.channels = len(shown.layout.channels)
        self.stated_duration_s = (
            self._read_duration(stream) if self.container in _STATES_LENGTH else None
        )

    def _read_duration(self, stream: AudioStream) -> float | None:
        if stream.duration is not None and stream.time_base is not None:
            return float(stream.duration * stream.time_base)
        whole = self._opened.duration
        return None if whole is None else whole / av.time_base

    def _decode(self) -> Iterator[NDArray[np.float32]]:
        if self._first is None:
            return
        to_float = av.AudioResampler(format="flt")  # packed: PyAV 18.1 fails on eight planes
        gathered: list[NDArray[np.float32]] = []
        frames = 0
        for frame in chain([self._first], self._frames):
            self._check_unchanged(frame)
            for packed in to_float.resample(frame):
                samples = packed.to_ndarray().astype(np.float32, copy=False)
                gathered.append(samples.reshape(-1, self.channels))
                frames += packed.samples
            if frames >= BLOCK_FRAMES:
                yield np.concatenate(gathered)
                gathered, frames = [], 0
        if gathered:
            yield np.concatenate(gathered)

    def _check_unchanged(self, frame: AudioFrame) -> None:
        rate_hz, channels = frame.sample_rate, len(frame.layout.channels)
        if (rate_hz, channels) != (self.sample_rate_hz, self.channels):
            msg = (
                f"the recording changes from {self.channels} channels at {self.sample_rate_hz} Hz "
                f"to {channels} channels at {rate_hz} Hz"
            )
            raise AudioDecodeError(msg, code="audio_unsupported_stream")

    def close(self) -> None:
        """Close the decoder."""
        self._opened.close()


def open_container(file: FileIO, container: Container) -> InputContainer:
    """Open a file with FFmpeg from its position, as one format, without access to other files."""
    return av.open(
        file,
        "r",
        format=container.demuxer,
        container_options={"codec_whitelist": _CODECS, "protocol_whitelist": "none"},
        metadata_errors="replace",
        io_open=_open_nothing_else,
    )


def _open_nothing_else(url: str, _flags: int, _options: dict[str, str]) -> BinaryIO:
    msg = f"a recording must not open {url!r}"
    raise PermissionError(msg)


def _check_no_film(file: FileIO, container: Container) -> None:
    """Refuse a film; covers are also written as films of one picture.

    Matroska does not state how many pictures there are. Counting them moves the demuxer, and
    seeking back would lose the first samples, so the file is opened apart for it.
    """
    with open_container(file, container) as opened:
        for video in opened.streams.video:
            if video.disposition & av.stream.Disposition.attached_pic or video.frames == 1:
                continue
            pictures = islice((packet for packet in opened.demux(video) if packet.size), 2)
            if video.frames > 1 or len(list(pictures)) > 1:
                msg = "the file contains a film; only sound is accepted"
                raise AudioDecodeError(msg, code="audio_unsupported_stream")


def only_audio_stream(opened: InputContainer) -> AudioStream:
    """Return the only audio stream of a file.

    Raises
    ------
    AudioDecodeError
        ``audio_unsupported_stream`` or ``unsupported_media_type``.
    """
    streams = opened.streams
    if len(streams.audio) != 1:
        msg = f"the file has {len(streams.audio)} audio streams; one is accepted"
        raise AudioDecodeError(msg, code="audio_unsupported_stream")
    stream = streams.audio[0]
    if stream.codec_context is None:
        msg = "the recording's codec is not supported (or it is encrypted)"
        raise AudioDecodeError(msg, code="unsupported_media_type")
    return stream
