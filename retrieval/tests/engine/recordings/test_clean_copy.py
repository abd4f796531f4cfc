from __future__ import annotations

import shutil
import struct
import zipfile
from pathlib import Path

import av
import numpy as np
import pytest

from retrieval.engine.recordings import clean_copy, playability
from retrieval.engine.recordings.analysis import analyse_recording
from retrieval.engine.recordings.clean_copy import CLEAN_SUFFIXES, write_clean_copy
from retrieval.engine.recordings.sources import open_source
from retrieval.tests.engine.toy_photos import encoded, gradient
from retrieval.tests.engine.toy_sounds import noise, written, written_by_ffmpeg

SECRET = "Secret Garden 52.5163N"
TAGS = dict.fromkeys(("title", "artist", "comment", "location", "copyright"), SECRET)

FORMATS = {
    "wav": ("wav", "pcm_s16le"),
    "flac": ("flac", "flac"),
    "mp3": ("mp3", "libmp3lame"),
    "vorbis": ("ogg", "vorbis"),
    "opus": ("ogg", "libopus"),
    "mp4": ("ipod", "aac"),
    "webm": ("webm", "libopus"),
}


def plain(path: Path, kind: str) -> Path:
    sound = noise(2.5, rate_hz=48_000, channels=2)
    if kind == "vorbis":  # FFmpeg's encoder is experimental
        return written(path, sound, 48_000, file_format="OGG", subtype="VORBIS")
    muxer, codec = FORMATS[kind]
    return written_by_ffmpeg(path, sound, 48_000, file_format=muxer, codec=codec)


def tagged(path: Path, kind: str) -> Path:
    """Add tags to a recording if its format supports them."""
    muxer = {"ipod": "mp4"}.get(FORMATS[kind][0], FORMATS[kind][0])
    source = plain(path.with_name("plain"), kind)
    with (
        av.open(str(source)) as untagged,
        av.open(str(path), "w", format=muxer, options={"write_id3v1": "1"}) as target,
    ):
        stream = target.add_stream_from_template(untagged.streams.audio[0])
        target.metadata.update(TAGS)
        stream.metadata.update(TAGS)
        for packet in untagged.demux(untagged.streams.audio[0]):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    source.unlink()
    assert SECRET.encode() in path.read_bytes()
    return path


def samples(path: Path) -> np.ndarray:
    with open_source(path, max_bytes=1 << 30) as source:
        return np.concatenate(list(source.blocks()))


def cleaned(path: Path, target: Path) -> bool:
    return write_clean_copy(path, target, facts=analyse_recording(path, waveform_paths={}))


@pytest.mark.parametrize("kind", FORMATS)
def test_copy_has_the_same_sound_and_no_tags(tmp_path, kind):
    path, copy = tagged(tmp_path / "x", kind), tmp_path / "copy"
    assert cleaned(path, copy)
    assert np.array_equal(samples(copy), samples(path))
    content = copy.read_bytes()
    assert SECRET.encode() not in content
    assert SECRET.encode("utf-16-le") not in content
    assert b"Lavf6" not in content  # no encoder, no date
    with av.open(str(copy)) as opened:
        assert len(opened.streams) == 1
        assert not {key for key in opened.metadata if key not in _OF_THE_FORMAT}


_OF_THE_FORMAT = {"major_brand", "minor_version", "compatible_brands", "encoder", "DURATION"}


@pytest.mark.parametrize("kind", FORMATS)
def test_bytes_after_the_end_are_not_copied(tmp_path, kind):
    path, copy = plain(tmp_path / "x", kind), tmp_path / "copy"
    with zipfile.ZipFile(tmp_path / "tail.zip", "w") as archive:
        archive.writestr("payload.html", f"<script>{SECRET}</script>")
    path.write_bytes(path.read_bytes() + (tmp_path / "tail.zip").read_bytes())
    assert zipfile.is_zipfile(path)
    if cleaned(path, copy):  # otherwise a preview is made from the decoded sound
        assert not zipfile.is_zipfile(copy)
        assert SECRET.encode() not in copy.read_bytes()


@pytest.mark.parametrize("subtype", ["PCM_S8", "PCM_16", "PCM_24"])
def test_flac_stays_lossless(tmp_path, subtype):
    path = written(tmp_path / "x", noise(), file_format="FLAC", subtype=subtype)
    assert cleaned(path, tmp_path / "copy")
    assert np.array_equal(samples(tmp_path / "copy"), samples(path))


def test_cover_is_not_copied(tmp_path):
    path, copy = plain(tmp_path / "x", "flac"), tmp_path / "copy"
    photo = encoded(gradient(), "JPEG")
    block = (
        struct.pack(">II", 3, 10) + b"image/jpeg" + struct.pack(">IIIII", 0, 96, 64, 24, 0)
        + struct.pack(">I", len(photo)) + photo
    )  # fmt: skip
    flac = path.read_bytes()
    assert flac[4] == 0  # STREAMINFO, not the last block
    path.write_bytes(flac[:42] + b"\x06" + len(block).to_bytes(3, "big") + block + flac[42:])
    assert cleaned(path, copy)
    assert photo not in copy.read_bytes()
    assert np.array_equal(samples(copy), samples(path))


def test_chunks_of_field_recorders_are_not_copied(tmp_path):
    path, copy = plain(tmp_path / "x", "wav"), tmp_path / "copy"
    wave = path.read_bytes()
    bext = SECRET.encode().ljust(602, b"\x00")
    chunk = b"bext" + struct.pack("<I", len(bext)) + bext
    path.write_bytes(
        b"RIFF" + struct.pack("<I", len(wave) - 8 + len(chunk)) + wave[8:12] + chunk + wave[12:]
    )
    assert cleaned(path, copy)
    assert SECRET.encode() not in copy.read_bytes()
    assert np.array_equal(samples(copy), samples(path))


def test_copy_with_other_samples_is_rejected(tmp_path):
    path, other = plain(tmp_path / "x", "flac"), tmp_path / "other"
    shutil.copy(path, other)
    louder = written(tmp_path / "y", noise(2.5, level=0.2), file_format="FLAC", subtype="PCM_16")
    facts = analyse_recording(louder, waveform_paths={})
    assert not write_clean_copy(path, tmp_path / "copy", facts=facts)
    assert {file.name for file in tmp_path.iterdir()} == {"x", "y", "other"}


def test_large_recording_is_not_copied(tmp_path, monkeypatch):
    monkeypatch.setattr(clean_copy, "_MOST_BYTES", 1_000)
    assert not cleaned(plain(tmp_path / "x", "flac"), tmp_path / "copy")


def test_every_suffix_of_a_copy_is_known(tmp_path):
    played = {container for container, _ in playability._EVERYWHERE}
    assert {f".{container.value}" for container in played} == set(CLEAN_SUFFIXES)


def test_full_disk_is_not_a_decode_error(tmp_path):
    path = plain(tmp_path / "x", "wav")
    with pytest.raises(FileNotFoundError):
        cleaned(path, tmp_path / "no such folder" / "copy")


def test_part_of_a_longer_recording_begins_at_0_in_its_copy(tmp_path):
    whole = written(tmp_path / "whole", noise(2), file_format="OGG", subtype="VORBIS")
    part = tmp_path / "part.ogg"
    with av.open(str(whole)) as source, av.open(str(part), "w", format="ogg") as target:
        stream = source.streams.audio[0]
        twin = target.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.size and packet.pts is not None and packet.dts is not None:
                packet.pts += 60 * 44_100
                packet.dts += 60 * 44_100
                packet.stream = twin
                target.mux(packet)
    copy = tmp_path / "copy.ogg"
    assert cleaned(part, copy)
    with av.open(str(copy)) as opened:
        assert float(opened.start_time or 0) / av.time_base < 0.1
        assert float(opened.duration or 0) / av.time_base == pytest.approx(2.0, abs=0.1)
