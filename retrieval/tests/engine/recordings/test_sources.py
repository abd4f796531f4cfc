from __future__ import annotations

import socket
import threading

import numpy as np
import pytest

from retrieval.engine.errors import AudioDecodeError
from retrieval.engine.recordings.decoders import BLOCK_FRAMES, FfmpegSource, LibsndfileSource
from retrieval.engine.recordings.headers import Container
from retrieval.engine.recordings.sources import open_source
from retrieval.tests.engine.toy_sounds import noise, sine, written, written_by_ffmpeg


def decoded(path):
    with open_source(path, max_bytes=10**9) as source:
        blocks = list(source.blocks())
    return np.concatenate(blocks) if blocks else np.empty((0, 1), np.float32), source


def code_of(path):
    with pytest.raises(AudioDecodeError) as raised:
        decoded(path)
    return raised.value.code


LOSSLESS_BY_LIBSNDFILE = [
    ("WAV", "PCM_U8", 1 / 128),
    ("WAV", "PCM_16", 2**-15),
    ("WAV", "PCM_24", 2**-23),
    ("WAV", "PCM_32", 2**-24),
    ("WAV", "FLOAT", 0),
    ("WAV", "DOUBLE", 0),
    ("WAVEX", "PCM_16", 2**-15),
    ("RF64", "PCM_16", 2**-15),
    ("W64", "PCM_16", 2**-15),
    ("AIFF", "PCM_24", 2**-23),
    ("AU", "PCM_16", 2**-15),
    ("CAF", "ALAC_16", 2**-15),
    ("FLAC", "PCM_16", 2**-15),
    ("FLAC", "PCM_24", 2**-23),
]


@pytest.mark.parametrize(("file_format", "subtype", "within"), LOSSLESS_BY_LIBSNDFILE)
def test_libsndfile_decodes_every_sample(tmp_path, file_format, subtype, within):
    samples = noise(0.7, channels=2)
    path = written(tmp_path / "x", samples, file_format=file_format, subtype=subtype)
    got, source = decoded(path)
    assert isinstance(source, LibsndfileSource)
    assert got.shape == samples.shape
    assert got.dtype == np.float32
    assert np.abs(got - samples).max() <= within


@pytest.mark.parametrize(
    ("codec", "within"),
    [
        ("pcm_u8", 1 / 128),
        ("pcm_s16le", 2**-15),
        ("pcm_s24le", 2**-23),
        ("pcm_f32le", 0),
        ("pcm_f64le", 0),
    ],
)
@pytest.mark.parametrize("channels", [1, 2, 6, 8])
def test_ffmpeg_decodes_every_sample(tmp_path, codec, within, channels):
    samples = noise(0.7, channels=channels)
    path = written_by_ffmpeg(tmp_path / "x", samples, file_format="matroska", codec=codec)
    got, source = decoded(path)
    assert isinstance(source, FfmpegSource)
    assert got.shape == samples.shape
    assert np.abs(got - samples).max() <= within


@pytest.mark.parametrize(
    ("file_format", "codec", "expected"),
    [
        ("ipod", "aac", (Container.MP4, "aac")),
        ("ipod", "alac", (Container.MP4, "alac")),
        ("adts", "aac", (Container.ADTS, "aac")),
        ("webm", "libopus", (Container.WEBM, "opus")),
        ("asf", "wmav2", (Container.ASF, "wmav2")),
        ("wav", "libmp3lame", (Container.WAV, "mp3")),
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_ffmpeg_decodes_other_formats(tmp_path, file_format, codec, expected, channels):
    rate_hz = 48_000
    samples = sine(3, rate_hz=rate_hz, channels=channels, frequency_hz=1_000)
    path = written_by_ffmpeg(tmp_path / "x", samples, rate_hz, file_format=file_format, codec=codec)
    got, source = decoded(path)
    assert (source.container, source.codec) == expected
    assert (source.sample_rate_hz, source.channels) == (rate_hz, channels)
    assert len(got) == pytest.approx(len(samples), abs=3_000)
    for channel in got[rate_hz : 2 * rate_hz].T:
        spectrum = np.abs(np.fft.rfft(channel)) * 2 / rate_hz
        assert spectrum.argmax() == 1_000
        assert spectrum.max() == pytest.approx(0.5, rel=0.06)


def test_eight_channels_of_aac_are_decoded(tmp_path):
    """PyAV 18.1 reads beyond the eight planes of such a frame and crashes."""
    samples = sine(1, rate_hz=48_000, channels=8)
    path = written_by_ffmpeg(tmp_path / "x", samples, 48_000, file_format="ipod", codec="aac")
    assert decoded(path)[0].shape[1] == 8


def test_mp3_of_variable_bit_rate_without_a_length_is_read_to_its_end(tmp_path):
    """libsndfile would stop after a quarter of this recording, its estimated length."""
    samples = np.concatenate([noise(0.5), np.zeros((5 * 44_100, 1), np.float32)])
    whole = written(tmp_path / "a", samples, file_format="MP3", subtype=None).read_bytes()
    second_frame = whole.index(whole[:2], 4)
    (tmp_path / "b").write_bytes(whole[second_frame:])
    got, source = decoded(tmp_path / "b")
    assert isinstance(source, FfmpegSource)
    assert len(got) == pytest.approx(len(samples), abs=2_500)


def test_file_names_are_ignored(tmp_path):
    samples = noise(0.6)
    path = written(tmp_path / "recording.mp3", samples, file_format="WAV", subtype="FLOAT")
    assert np.array_equal(decoded(path)[0], samples)
    renamed = written(tmp_path / "x.flac", samples, file_format="FLAC", subtype="PCM_16").rename(
        tmp_path / "recording.raw"
    )
    assert decoded(renamed)[1].container is Container.FLAC


def test_blocks_are_bounded(tmp_path):
    path = written(tmp_path / "x", noise(6), file_format="WAV", subtype="PCM_16")
    with open_source(path, max_bytes=10**9) as source:
        lengths = [len(block) for block in source.blocks()]
    assert len(lengths) == 5
    assert max(lengths) <= BLOCK_FRAMES


# --- refused -------------------------------------------------------------------------------


def test_missing_empty_and_large_files(tmp_path):
    (tmp_path / "empty").touch()
    assert code_of(tmp_path / "empty") == "file_empty"
    assert code_of(tmp_path / "nowhere") == "file_unreadable"
    assert code_of(tmp_path) == "file_unreadable"
    with (tmp_path / "large").open("wb") as file:
        file.truncate(10**9 + 1)
    assert code_of(tmp_path / "large") == "file_too_large"


@pytest.mark.parametrize(
    ("file_format", "subtype"),
    [
        ("WAV", "PCM_16"),
        ("FLAC", "PCM_16"),
        ("AIFF", "PCM_16"),
        ("CAF", "PCM_16"),
        ("MP3", "MPEG_LAYER_III"),
        ("OGG", "VORBIS"),
    ],
)
def test_truncated_recordings(tmp_path, file_format, subtype):
    path = written(tmp_path / "x", noise(5), file_format=file_format, subtype=subtype)
    data = path.read_bytes()
    path.write_bytes(data[: int(0.6 * len(data))])
    assert code_of(path) == "audio_truncated"


def test_truncated_webm(tmp_path):
    path = written_by_ffmpeg(
        tmp_path / "x", noise(5, rate_hz=48_000), 48_000, file_format="webm", codec="libopus"
    )
    data = path.read_bytes()
    path.write_bytes(data[: int(0.6 * len(data))])
    assert code_of(path) == "audio_truncated"


def test_mp4_without_index(tmp_path):
    path = written_by_ffmpeg(tmp_path / "x", noise(5), file_format="ipod", codec="aac")
    data = path.read_bytes()
    path.write_bytes(data[: int(0.6 * len(data))])
    assert code_of(path) == "audio_decode_failed"


def test_garbage_after_a_valid_header(tmp_path):
    path = written(tmp_path / "x", noise(2), file_format="FLAC", subtype="PCM_16")
    data = bytearray(path.read_bytes())
    data[100:] = np.random.default_rng(3).bytes(len(data) - 100)
    path.write_bytes(data)
    assert code_of(path) in {"audio_decode_failed", "audio_truncated"}


def test_film_is_refused(tmp_path):
    path = written_by_ffmpeg(tmp_path / "x", noise(1), file_format="mp4", codec="aac", pictures=5)
    assert code_of(path) == "audio_unsupported_stream"


def test_recording_without_samples(tmp_path):
    path = written(tmp_path / "x", np.empty((0, 1), np.float32), file_format="WAV")
    assert not len(decoded(path)[0])


PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{url}\n#EXTINF:9,\n{file}\n",
    "concat": "ffconcat version 1.0\nfile '{file}'\nfile '{url}'\n",
    "pls": "[playlist]\nFile1={url}\nFile2={file}\nNumberOfEntries=2\n",
    "sdp": "v=0\nc=IN IP4 127.0.0.1\nm=audio 9999 RTP/AVP 0\n",
}


@pytest.fixture
def profiler():
    """Return a local address, and a list of the connections to it."""
    visits: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        done = threading.Event()

        def listen():
            while not done.is_set():
                try:
                    visits.append(server.accept())
                except TimeoutError:
                    continue

        thread = threading.Thread(target=listen)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/secret.wav", visits
        done.set()
        thread.join()


@pytest.mark.parametrize("prefix", [b"", b"ID3\x04\x00\x00\x00\x00\x00\x00", b"\xff\xfb\x90\x64"])
@pytest.mark.parametrize("kind", PLAYLISTS)
def test_playlists_open_no_other_file(tmp_path, kind, prefix, profiler):
    url, visits = profiler
    secret = written(tmp_path / "secret.wav", noise(2))
    playlist = tmp_path / "innocent.mp3"
    playlist.write_bytes(prefix + PLAYLISTS[kind].format(url=url, file=secret).encode())
    assert code_of(playlist) in {"unsupported_media_type", "audio_decode_failed"}
    assert not visits


@pytest.mark.parametrize(
    ("file_format", "codec", "container"),
    [("mp4", "aac", Container.MP4), ("matroska", "libopus", Container.MATROSKA)],
)
def test_a_cover_may_be_written_as_a_film_of_one_picture(tmp_path, file_format, codec, container):
    sound = noise(1, rate_hz=48_000)
    options = {"file_format": file_format, "codec": codec, "picture_codec": "mjpeg"}
    plain = written_by_ffmpeg(tmp_path / "plain", sound, 48_000, **options)
    covered = written_by_ffmpeg(tmp_path / "covered", sound, 48_000, pictures=1, **options)
    film = written_by_ffmpeg(tmp_path / "film", sound, 48_000, pictures=2, **options)
    got, source = decoded(covered)
    assert source.container is container
    assert np.array_equal(got, decoded(plain)[0])
    assert code_of(film) == "audio_unsupported_stream"


def test_flac_from_a_pipe_does_not_state_its_length(tmp_path):
    samples = noise(2)
    path = written(tmp_path / "x.flac", samples, file_format="FLAC", subtype="PCM_16")
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0
    data[22:26] = bytes(4)  # total samples
    path.write_bytes(data)
    got, source = decoded(path)
    assert isinstance(source, FfmpegSource)
    assert got.shape == samples.shape
