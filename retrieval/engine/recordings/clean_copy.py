"""Copy a recording without anything that is not sound: tags, pictures, bytes after its end.

The encoded packets are copied without loss into a new file of the same format. FLAC is re-encoded,
also without loss, because its packets cannot be distinguished from bytes after its end. These
copies are decoded to compare their samples with the recording's. Ogg files without a fault are
copied page by page, which cannot change the samples. Only the copy is served, so places, names and
serial numbers in the original stay private.
"""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
import soundfile
from av.audio.stream import AudioStream

from retrieval.engine.errors import AudioDecodeError
from retrieval.engine.recordings.analysis import RecordingFacts, RecordingLimits
from retrieval.engine.recordings.decoders import (
    BLOCK_FRAMES,
    FFMPEG_ERRORS,
    only_audio_stream,
    open_container,
)
from retrieval.engine.recordings.headers import Container
from retrieval.engine.recordings.ogg_pages import copy_sound
from retrieval.engine.recordings.sources import open_source

CLEAN_SUFFIXES: Final = (".wav", ".flac", ".mp3", ".ogg", ".mp4", ".webm")

_MOST_BYTES: Final = 1_000_000_000  # above this size a preview is served instead

_LATE_S: Final = Fraction(1, 10)  # encoder delay is shorter

_MUXER_OPTIONS: Final = {
    Container.MP3: {"id3v2_version": "0"},
    Container.MP4: {"movflags": "+faststart"},
}


def write_clean_copy(
    path: Path, target: Path, *, facts: RecordingFacts, limits: RecordingLimits | None = None
) -> bool:
    """Write a copy that contains the same sound and nothing else, completely or not at all.

    Return False, and leave no file, if no copy decodes to the same samples as the recording, which
    browsers must play.
    """
    if path.stat().st_size > _MOST_BYTES:
        return False
    unfinished = target.with_name(target.name + ".part")
    try:
        if _copy(path, unfinished, facts, limits or RecordingLimits()):
            unfinished.replace(target)
            return True
    except FFMPEG_ERRORS as error:
        if isinstance(error, OSError) and not isinstance(error, av.FFmpegError):
            raise  # an error of the disk
    except (AudioDecodeError, soundfile.LibsndfileError):
        pass
    finally:
        unfinished.unlink(missing_ok=True)
    return False


def _copy(path: Path, target: Path, facts: RecordingFacts, limits: RecordingLimits) -> bool:
    """Write a copy and return whether it decodes to the recording's samples."""
    container = Container(facts.container)
    if container is Container.OGG and _copy_pages(path, target, facts):
        return True
    if container is Container.FLAC:
        _re_encode(path, target)
    else:
        _copy_packets(path, target, container)
    return _has_same_samples(target, facts, limits)


def _copy_pages(path: Path, target: Path, facts: RecordingFacts) -> bool:
    """Copy an Ogg file without a fault which is not a part of a longer recording."""
    with path.open("rb") as source, target.open("wb") as copy:
        try:
            end_s = copy_sound(source, copy, codec=facts.codec, sample_rate_hz=facts.sample_rate_hz)
        except AudioDecodeError:
            return False
    return abs(end_s - facts.duration_s) <= _LATE_S


def _copy_packets(path: Path, target: Path, container: Container) -> None:
    with (
        path.open("rb", buffering=0) as file,
        open_container(file, container) as source,
        target.open("wb") as clean,
        av.open(
            clean,
            "w",
            format=container.value,
            # Without the name of the encoder.
            container_options={"fflags": "+bitexact", **_MUXER_OPTIONS.get(container, {})},
        ) as copy,
    ):
        stream = only_audio_stream(source)
        twin = copy.add_stream_from_template(stream)
        late = _late_start(stream)
        for packet in source.demux(stream):
            if packet.size:
                if late:
                    packet.pts = None if packet.pts is None else packet.pts - late
                    packet.dts = None if packet.dts is None else packet.dts - late
                packet.stream = twin
                copy.mux(packet)


def _late_start(stream: AudioStream) -> int:
    """Return the time at which a part of a longer recording begins, in the stream's unit.

    Players would show it as silence, or as a longer recording.
    """
    start, unit = stream.start_time or 0, stream.time_base or Fraction(1)
    return start if start * unit > _LATE_S else 0


def _re_encode(path: Path, target: Path) -> None:
    with (
        path.open("rb", buffering=0) as file,
        soundfile.SoundFile(file.fileno(), closefd=False) as source,
        soundfile.SoundFile(
            target,
            "w",
            samplerate=source.samplerate,
            channels=source.channels,
            format="FLAC",
            subtype=source.subtype,
        ) as copy,
    ):
        while len(block := source.read(BLOCK_FRAMES, dtype="int32", always_2d=True)):
            copy.write(block)


def _has_same_samples(copy: Path, facts: RecordingFacts, limits: RecordingLimits) -> bool:
    """Return whether a copy decodes to exactly the recording's samples."""
    digest = hashlib.sha256()
    with open_source(copy, max_bytes=limits.max_bytes) as source:
        found = (source.container, source.codec, source.sample_rate_hz, source.channels)
        if found != (facts.container, facts.codec, facts.sample_rate_hz, facts.channels):
            return False
        for block in source.blocks():
            digest.update(np.ascontiguousarray(block).data)
    return digest.hexdigest() == facts.samples_sha256
