from __future__ import annotations

import struct
from contextlib import suppress
from io import FileIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.engine.errors import AudioDecodeError
from retrieval.engine.recordings.headers import (
    Container,
    check_complete,
    identify,
)
from retrieval.engine.recordings.mpeg_frames import MAX_TAG_BYTES
from retrieval.tests.engine.toy_sounds import sine, written, written_by_ffmpeg

BY_LIBSNDFILE = {
    Container.WAV: ("WAV", "PCM_16"),
    Container.RF64: ("RF64", "PCM_16"),
    Container.W64: ("W64", "PCM_16"),
    Container.AIFF: ("AIFF", "PCM_16"),
    Container.AU: ("AU", "PCM_16"),
    Container.CAF: ("CAF", "PCM_16"),
    Container.FLAC: ("FLAC", "PCM_16"),
    Container.OGG: ("OGG", "VORBIS"),
    Container.MP3: ("MP3", "MPEG_LAYER_III"),
}
BY_FFMPEG = {
    Container.ADTS: ("adts", "aac"),
    Container.MP4: ("ipod", "aac"),
    Container.WEBM: ("webm", "libopus"),
    Container.MATROSKA: ("matroska", "pcm_s16le"),
    Container.ASF: ("asf", "wmav2"),
}


@pytest.fixture
def recording(tmp_path):
    """Return the bytes of a short recording in the given container."""

    def make(container):
        path = tmp_path / "made"
        if container in BY_LIBSNDFILE:
            file_format, subtype = BY_LIBSNDFILE[container]
            written(path, sine(0.5), file_format=file_format, subtype=subtype)
        else:
            file_format, codec = BY_FFMPEG[container]
            written_by_ffmpeg(
                path, sine(0.5, rate_hz=48_000), 48_000, file_format=file_format, codec=codec
            )
        return path.read_bytes()

    return make


@pytest.fixture
def stored(tmp_path):
    def store(data):
        path = tmp_path / "stored"
        path.write_bytes(data)
        return path

    return store


def identified(path):
    with FileIO(path) as file:
        return identify(file)


def check(path, container):
    with FileIO(path) as file:
        check_complete(file, container)


def code_of(function, *arguments):
    with pytest.raises(AudioDecodeError) as raised:
        function(*arguments)
    return raised.value.code


def id3(length: int) -> bytes:
    return (
        b"ID3\x04\x00\x00"
        + bytes(length >> shift & 0x7F for shift in (21, 14, 7, 0))
        + bytes(length)
    )


@pytest.mark.parametrize("container", Container)
def test_container_is_read_from_the_content(container, recording, stored):
    assert identified(stored(recording(container))) is container


@pytest.mark.parametrize("tags", [id3(50), id3(50) + id3(7), id3(50) + bytes(99)])
@pytest.mark.parametrize("container", [Container.MP3, Container.FLAC, Container.ADTS])
def test_leading_tags_are_skipped(container, tags, recording, stored):
    assert identified(stored(tags + recording(container))) is container


@pytest.mark.parametrize(
    "data",
    [
        b"a text that was renamed to recording.mp3",
        "UTF-16 has the look of a frame header".encode("utf-16"),
        b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1/secret.mp3\n",
        b"ffconcat version 1.0\nfile '/etc/passwd'\n",
        b"[playlist]\nFile1=/etc/passwd\n",
        b"PK\x03\x04" + bytes(60),
        b"\x89PNG\r\n\x1a\n" + bytes(60),
        b"RIFF\x00\x00\x00\x00AVI LIST",
        b"\x00\x00\x00\x1cftypheic\x00\x00\x00\x00mif1heicmiaf",
        b"\xff\xfb",
        b"\xff",
        b"ID3",
        id3(20),
        id3(20) + b"then text",
    ],
)
def test_everything_else_is_refused(data, stored):
    assert code_of(identified, stored(data)) == "unsupported_media_type"


def test_tag_of_50_mb_is_refused_unread(stored):
    path = stored(
        b"ID3\x04\x00\x00" + bytes(50_000_000 >> shift & 0x7F for shift in (21, 14, 7, 0))
    )
    assert MAX_TAG_BYTES < 50_000_000
    assert code_of(identified, path) == "audio_metadata_too_large"


@pytest.mark.parametrize("container", BY_LIBSNDFILE)
def test_complete_recordings_are_accepted(container, recording, stored):
    check(stored(recording(container)), container)


UNCOMPRESSED = [
    Container.WAV,
    Container.RF64,
    Container.W64,
    Container.AIFF,
    Container.AU,
    Container.CAF,
    Container.OGG,
]


@pytest.mark.parametrize("container", UNCOMPRESSED)
@pytest.mark.parametrize("share", [0.4, 0.98])
def test_truncated_recording_is_detected(container, share, recording, stored):
    data = recording(container)
    path = stored(data[: int(share * len(data))])
    assert code_of(check, path, container) == "audio_truncated"


def test_wave_header_that_claims_4_gb(recording, stored):
    data = bytearray(recording(Container.WAV)[:1_000])
    struct.pack_into("<I", data, data.index(b"data") + 4, 0xFFFFFFFF)
    assert code_of(check, stored(bytes(data)), Container.WAV) == "audio_truncated"


@pytest.mark.parametrize("length", [0, 0x7FFFF000, 0x7FFFFFFF, 0xFFFFFFFF])
@pytest.mark.parametrize(("container", "order", "samples"), [
    (Container.WAV, "<", b"data"), (Container.AIFF, ">", b"SSND"),
])  # fmt: skip
def test_file_from_a_pipe_does_not_know_its_length(
    container, order, samples, length, recording, stored
):
    data = bytearray(recording(container))
    for position in (4, data.index(samples) + 4):
        struct.pack_into(f"{order}I", data, position, length)
    check(stored(bytes(data)), container)


def test_au_and_caf_may_omit_their_length(recording, stored):
    au = bytearray(recording(Container.AU))
    au[8:12] = b"\xff" * 4
    check(stored(bytes(au)), Container.AU)
    caf = bytearray(recording(Container.CAF))
    length = caf.index(b"data") + 4
    caf[length : length + 8] = b"\xff" * 8
    check(stored(bytes(caf)), Container.CAF)


@pytest.mark.parametrize(("channels", "rate_hz"), [(0, 44_100), (1, 0), (1, 2**31)])
def test_wave_header_without_channels_or_rate(channels, rate_hz, recording, stored):
    data = bytearray(recording(Container.WAV))
    struct.pack_into("<HI", data, 22, channels, rate_hz)
    assert code_of(check, stored(bytes(data)), Container.WAV) == "audio_bad_format"


def test_chained_ogg_is_refused(recording, stored):
    data = recording(Container.OGG)
    other = bytearray(data)
    other[14:18] = b"\x01\x02\x03\x04"  # another stream's serial number
    assert code_of(check, stored(data + bytes(other)), Container.OGG) == "audio_unsupported_stream"


def test_ogg_may_describe_its_stream(recording, stored):
    content = b"fishead\x00\x03\x00\x00\x00" + bytes(52)
    page = struct.pack("<4sBBqIIIBB", b"OggS", 0, 2, 0, 7, 0, 0, 1, len(content)) + content
    check(stored(page + recording(Container.OGG)), Container.OGG)


def test_bytes_after_an_ogg_file_are_ignored(recording, stored):
    check(stored(recording(Container.OGG) + b"<html>" * 50), Container.OGG)


@given(st.binary(max_size=300), st.sampled_from(list(Container)))
def test_any_bytes_are_parsed_or_rejected(tmp_path_factory, data, container):
    path = tmp_path_factory.mktemp("headers") / "file"
    path.write_bytes(data)
    with suppress(AudioDecodeError):
        identified(path)
    with suppress(AudioDecodeError):
        check(path, container)
