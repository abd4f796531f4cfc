from __future__ import annotations

from io import FileIO

import pytest

from retrieval.engine.errors import AudioDecodeError
from retrieval.engine.recordings.headers import Container, identify
from retrieval.engine.recordings.mpeg_frames import count_is_right, end_of_tags, first_frame
from retrieval.engine.recordings.sources import open_source
from retrieval.tests.engine.toy_sounds import noise, written, written_by_ffmpeg

APE = b"APETAGEX" + (2_000).to_bytes(4, "little") + (16).to_bytes(4, "little") + bytes(16)
JUNK = b"\xa8\xe5\xff\xfb\x90\x00junk" * 200


def id3(size):
    return (
        b"ID3\x04\x00\x00" + bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0)) + bytes(size)
    )


@pytest.fixture
def mp3(tmp_path):
    path = written(tmp_path / "x.mp3", noise(2.0), file_format="MP3", subtype="MPEG_LAYER_III")
    return path.read_bytes()


@pytest.fixture
def stored(tmp_path):
    def store(data):
        path = tmp_path / "stored"
        path.write_bytes(data)
        return path

    return store


def seconds(path):
    with open_source(path, max_bytes=10**9) as source:
        return sum(map(len, source.blocks())) / source.sample_rate_hz


def counted(mp3):
    """Where the number of frames stands."""
    return max(mp3.find(b"Xing"), mp3.find(b"Info")) + 8


@pytest.mark.parametrize("before", [id3(90), APE + bytes(16), JUNK, bytes(3_000), b"\xff" * 999])
def test_frames_are_found_behind_anything(before, mp3, stored):
    path = stored(before + mp3)
    with FileIO(path) as file:
        assert identify(file) is Container.MP3
        found = first_frame(file)
    assert found is not None
    assert found.start == len(before)
    assert seconds(path) == pytest.approx(2.0, abs=0.1)


def test_stream_that_was_cut_in_a_frame(mp3, stored):
    assert seconds(stored(mp3[700:])) == pytest.approx(1.9, abs=0.15)


def test_junk_alone_is_no_recording(stored):
    for data in (JUNK * 50, b"\xff\xfb\x90\x00" + bytes(5_000), b"\xff" * 70_000):
        with FileIO(stored(data)) as file, pytest.raises(AudioDecodeError) as raised:
            identify(file)
        assert raised.value.code == "unsupported_media_type"


def test_aac_behind_junk(tmp_path, stored):
    path = written_by_ffmpeg(
        tmp_path / "x.aac", noise(2.0, rate_hz=48_000), 48_000, file_format="adts", codec="aac"
    )
    with FileIO(stored(JUNK + path.read_bytes())) as file:
        assert identify(file) is Container.ADTS


def test_tags_of_both_kinds_are_skipped(mp3, stored):
    with FileIO(
        stored(id3(90) + APE[:12] + (32).to_bytes(4, "little") + bytes(16 + 32) + mp3)
    ) as file:
        assert end_of_tags(file) == 100 + 64


def test_a_right_count_is_believed(mp3, stored):
    for data in (mp3, id3(90) + mp3, mp3 + b"TAG" + bytes(125)):
        with FileIO(stored(data)) as file:
            assert count_is_right(file)


@pytest.mark.parametrize("stated", [0, 5, 10**6])
def test_a_wrong_count_is_not_believed(stated, mp3, stored):
    data = bytearray(mp3)
    data[counted(mp3) : counted(mp3) + 4] = stated.to_bytes(4, "big")
    path = stored(bytes(data))
    with FileIO(path) as file:
        assert not count_is_right(file)
    assert seconds(path) == pytest.approx(2.0, abs=0.1)


def test_joined_files_are_read_to_the_end(mp3, stored):
    assert seconds(stored(mp3 + mp3)) == pytest.approx(4.0, abs=0.2)


def test_without_a_count_every_frame_counts(mp3, stored):
    second_frame = mp3.index(mp3[:2], 4)
    path = stored(mp3[second_frame:])
    with FileIO(path) as file:
        assert not count_is_right(file)
    assert seconds(path) == pytest.approx(2.0, abs=0.1)


def test_a_file_that_breaks_off_is_refused(mp3, stored):
    path = stored(mp3[: len(mp3) // 2])
    with pytest.raises(AudioDecodeError) as raised:
        seconds(path)
    assert raised.value.code == "audio_truncated"
