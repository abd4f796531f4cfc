"""Invalid and hostile recordings with the expected outcomes of an import."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np
import soundfile

from retrieval.tests.bad_inputs.cases import ACCEPTED, recording_cases
from retrieval.tests.bad_inputs.photos import SCRIPT, SQL
from retrieval.tests.engine.toy_sounds import noise, written, written_by_ffmpeg

_SOUND_S = 0.7


def content(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


def sound(
    path: Path, *, rate_hz: int = 44_100, file_format: str = "WAV", subtype: str = "PCM_16"
) -> bytes:
    """Write a valid recording and return its bytes."""
    samples = noise(_SOUND_S, rate_hz=rate_hz)
    written(path, samples, rate_hz, file_format=file_format, subtype=subtype)
    return path.read_bytes()


def coded(path: Path, *, file_format: str, codec: str, pictures: int = 0) -> bytes:
    return written_by_ffmpeg(
        path, noise(_SOUND_S), file_format=file_format, codec=codec, pictures=pictures
    ).read_bytes()


def without_samples(path: Path) -> None:
    written(path, np.empty((0, 1), np.float32), subtype="PCM_16")


def wave_that_claims_4_gb(path: Path) -> None:
    wave = bytearray(sound(path)[:1_000])
    struct.pack_into("<I", wave, wave.index(b"data") + 4, 0xFFFF_FFFF)
    path.write_bytes(wave)


def wave_of(path: Path, *, channels: int, rate_hz: int) -> None:
    wave = bytearray(sound(path))
    struct.pack_into("<HI", wave, 22, channels, rate_hz)
    path.write_bytes(wave)


@cache
def _silence() -> bytes:
    """Five hours of silence in 0.5 MB."""
    stream = io.BytesIO()
    with soundfile.SoundFile(stream, "w", 8_000, 1, format="FLAC", subtype="PCM_16") as bomb:
        for _ in range(5):
            bomb.write(np.zeros(3_600 * 8_000, np.int16))
    return stream.getvalue()


def hours_of_silence(path: Path) -> None:
    path.write_bytes(_silence())


def hours_that_are_not_stated(path: Path) -> None:
    """Five hours of silence with a header that omits the number of samples."""
    flac = bytearray(_silence())
    flac[21] &= 0xF0
    flac[22:26] = bytes(4)
    path.write_bytes(flac)


def id3(size: int) -> bytes:
    return b"ID3\x04\x00\x00" + bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))


def cover_of_50_megabytes(path: Path) -> None:
    mp3 = sound(path, file_format="MP3", subtype="MPEG_LAYER_III")
    path.write_bytes(id3(50_000_000) + b"APIC" + bytes(50_000_000 - 4) + mp3)


def with_tags(path: Path, tags: bytes) -> None:
    """An MP3 with the given bytes as its title."""
    mp3 = sound(path, file_format="MP3", subtype="MPEG_LAYER_III")
    frame = b"TIT2" + bytes(len(tags) + 1 >> shift & 0x7F for shift in (21, 14, 7, 0))
    frame += b"\x00\x00\x03" + tags
    path.write_bytes(id3(len(frame)) + frame + mp3)


def film(path: Path) -> None:
    coded(path, file_format="matroska", codec="pcm_s16le", pictures=5)


def film_in_ogg(path: Path) -> None:
    rate_hz = 48_000  # Opus does not support 44 100 Hz
    written_by_ffmpeg(
        path, noise(_SOUND_S, rate_hz=rate_hz), rate_hz,
        file_format="ogg", codec="libopus", pictures=5, picture_codec="libvpx",
    )  # fmt: skip


def opus_in_webm(path: Path) -> None:
    rate_hz = 48_000
    samples = noise(_SOUND_S, rate_hz=rate_hz)
    written_by_ffmpeg(path, samples, rate_hz, file_format="webm", codec="libopus")


def chained_ogg(path: Path, *, from_page: int = 0) -> None:
    """Two streams, one after the other or interleaved page by page."""
    first = sound(path, file_format="OGG", subtype="VORBIS")
    other = bytearray(first)
    starts = [n for n in range(len(other)) if other[n : n + 4] == b"OggS"]
    for start in starts:
        other[start + 14 : start + 18] = b"\x01\x02\x03\x04"  # another serial number
    cut = starts[1] if from_page else len(first)
    path.write_bytes(first[:cut] + bytes(other) + first[cut:])


def not_finite(path: Path, *, value: float) -> None:
    samples = noise(_SOUND_S)
    samples[100] = value
    written(path, samples, subtype="FLOAT")


def cut(file_format: str, subtype: str, path: Path) -> None:
    whole = written(path, noise(3.0), file_format=file_format, subtype=subtype).read_bytes()
    path.write_bytes(whole[: len(whole) // 2 + 7])


def protected_mp4(path: Path) -> None:
    """An MP4 with encrypted sound, as shops sold it."""
    whole = coded(path, file_format="ipod", codec="aac").replace(b"mp4a", b"enca")
    start = whole.index(b"mdat") + 4
    end = start - 8 + int.from_bytes(whole[start - 8 : start - 4], "big")
    secret = np.frombuffer(whole[start:end], np.uint8) ^ np.random.default_rng(9).integers(
        0, 256, end - start, dtype=np.uint8
    )
    path.write_bytes(whole[:start] + secret.tobytes() + whole[end:])


def archive(path: Path, *, name: str) -> None:
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.writestr(name, b"root::0:0")


def nested_archive(path: Path) -> None:
    """Nested archives, mostly zeros."""
    inside = bytes(1_000_000)
    for depth in range(6):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as zipped:
            for copy in range(8):
                zipped.writestr(f"{depth}-{copy}.zip", inside)
        inside = stream.getvalue()
    path.write_bytes(inside)


def link(path: Path, *, to: str) -> None:
    path.symlink_to(to)


_HLS = b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/secret.mp3\n"
_CONCAT = b"ffconcat version 1.0\nfile '/etc/passwd'\n"

CASES = recording_cases(
    {
        ("file_empty",): [(38, "empty.wav", content(b""))],
        ("audio_empty",): [(38, "without-samples.wav", without_samples)],
        ("unsupported_media_type",): [
            (39, "text.mp3", content(b"a text that was renamed")),
            (44, "hls.mp3", content(_HLS)),
            (44, "concat.mp3", content(_CONCAT)),
            (44, "hls-behind-a-tag.mp3", content(id3(0) + _HLS)),
            (53, "zip.wav", partial(archive, name="a.wav")),
            (53, "zip-slip.wav", partial(archive, name="../../etc/passwd")),
            (53, "zip-of-zips.wav", nested_archive),
        ],
        ("audio_truncated",): [
            (40, "claims-4-gb.wav", wave_that_claims_4_gb),
            (47, "cut-within-a-frame.mp3", partial(cut, "MP3", "MPEG_LAYER_III")),
            (47, "cut-within-a-frame.flac", partial(cut, "FLAC", "PCM_16")),
            (47, "cut-within-a-page.ogg", partial(cut, "OGG", "VORBIS")),
        ],
        ("audio_bad_format",): [
            (41, "no-channels.wav", partial(wave_of, channels=0, rate_hz=44_100)),
            (41, "255-channels.wav", partial(wave_of, channels=255, rate_hz=44_100)),
            (41, "no-rate.wav", partial(wave_of, channels=1, rate_hz=0)),
            (41, "rate-of-2-gigahertz.wav", partial(wave_of, channels=1, rate_hz=2**31)),
        ],
        ("audio_too_long",): [
            (42, "five-hours-of-silence.flac", hours_of_silence),
            (42, "five-hours-unstated.flac", hours_that_are_not_stated),
        ],
        ("audio_metadata_too_large",): [(43, "cover-of-50-mb.mp3", cover_of_50_megabytes)],
        ("audio_unsupported_stream",): [
            (45, "film.webm", film),
            (45, "film.ogg", film_in_ogg),
            (45, "chained.ogg", chained_ogg),
            (45, "multiplexed.ogg", partial(chained_ogg, from_page=1)),
        ],
        ("audio_decode_failed",): [(48, "protected.m4a", protected_mp4)],
        ("audio_not_finite",): [
            (46, "nan.wav", partial(not_finite, value=np.nan)),
            (46, "infinity.wav", partial(not_finite, value=np.inf)),
        ],
        ("audio_out_of_range",): [(46, "beyond.wav", partial(not_finite, value=1e30))],
        ("file_unreadable",): [
            (53, "link-to-itself.wav", partial(link, to="53-link-to-itself.wav")),
        ],
        ("outside_folder",): [
            (53, "link-to-a-device.wav", partial(link, to="/dev/zero")),
            (53, "link-to-secrets.wav", partial(link, to="/etc/passwd")),
        ],
        (ACCEPTED,): [
            (48, "aac.m4a", partial(coded, file_format="ipod", codec="aac")),
            (48, "aac.aac", partial(coded, file_format="adts", codec="aac")),
            (48, "opus.webm", opus_in_webm),
            (48, "wma.wma", partial(coded, file_format="asf", codec="wmav2")),
            (49, "8-bit.wav", partial(sound, subtype="PCM_U8")),
            (49, "24-bit.wav", partial(sound, subtype="PCM_24")),
            (49, "96-khz.wav", partial(sound, rate_hz=96_000)),
            (49, "rf64.wav", partial(sound, file_format="RF64")),
            (54, "html-in-tags.mp3", partial(with_tags, tags=SCRIPT + SQL)),
            (54, "no-utf-8-in-tags.mp3", partial(with_tags, tags=b"\xff\xfe\x00\x01\x1b[31m")),
        ],
    }
)
