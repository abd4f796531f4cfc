from __future__ import annotations

import io
from collections.abc import Callable
from itertools import repeat
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from retrieval.engine.errors import AudioDecodeError
from retrieval.engine.recordings import clean_copy, ogg_pages
from retrieval.engine.recordings.analysis import analyse_recording
from retrieval.engine.recordings.clean_copy import write_clean_copy
from retrieval.engine.recordings.headers import Container
from retrieval.engine.recordings.ogg_pages import copy_sound
from retrieval.tests.engine.toy_ogg import (
    CONTINUES,
    FIRST,
    LAST,
    Page,
    checksum_bit_by_bit,
    divided,
    encoded,
    numbered,
    packets_of,
    pages_of,
    with_tags,
)
from retrieval.tests.engine.toy_sounds import noise, written, written_by_ffmpeg

SECRET = b"Secret Garden 52.5163N"
KINDS = ("VORBIS", "OPUS", "opus by FFmpeg")


def recording(path: Path, kind: str) -> bytes:
    sound = noise(2.5, rate_hz=48_000, channels=2)
    if kind == "opus by FFmpeg":
        written_by_ffmpeg(path, sound, 48_000, file_format="ogg", codec="libopus")
    else:
        written(path, sound, 48_000, file_format="OGG", subtype=kind)
    return path.read_bytes()


@pytest.fixture(scope="module")
def vorbis(tmp_path_factory) -> bytes:
    return recording(tmp_path_factory.mktemp("ogg") / "x", "VORBIS")


def codec_of(data: bytes) -> str:
    return "opus" if b"OpusHead" in data[:64] else "vorbis"


def copied(data: bytes) -> bytes:
    target = io.BytesIO()
    copy_sound(io.BytesIO(data), target, codec=codec_of(data), sample_rate_hz=48_000)
    return target.getvalue()


def by_libsndfile(data: bytes) -> np.ndarray:
    with soundfile.SoundFile(io.BytesIO(data)) as sound:
        return np.asarray(sound.read(dtype="float32"))


def by_ffmpeg(data: bytes) -> np.ndarray:
    with av.open(io.BytesIO(data), "r", format="ogg") as opened:
        frames = [frame.to_ndarray() for frame in opened.decode(audio=0)]
    return np.concatenate(frames, axis=1)


def assert_same_sound(copy: bytes, data: bytes) -> None:
    assert np.array_equal(by_libsndfile(copy), by_libsndfile(data))
    assert np.array_equal(by_ffmpeg(copy), by_ffmpeg(data))


@given(st.binary(max_size=300))
def test_checksum_is_that_of_the_standard(data):
    assert ogg_pages._checksum(data) == checksum_bit_by_bit(data)


def test_checksum_is_that_of_other_writers(vorbis):
    for page in pages_of(vorbis):
        head = page._replace(checksum=0).encoded()
        assert ogg_pages._checksum(head) == page.checksum


_LENGTHS = st.sampled_from([0, 1, 30, 254, 255, 256, 510, 700])


@given(
    lengths=st.lists(_LENGTHS, min_size=1, max_size=12),
    segments=st.lists(st.integers(1, 9), min_size=60, max_size=60),
    tag_bytes=_LENGTHS,
    setup_bytes=_LENGTHS,
    serial=st.integers(0, 2**32 - 1),
    last=st.sampled_from([0, LAST]),
)
def test_any_division_into_pages_is_kept(lengths, segments, tag_bytes, setup_bytes, serial, last):
    cuts = iter(segments)
    identification = Page(FIRST, 0, bytes([30]), b"\x01vorbis".ljust(30, b"\1"))
    setup = b"\x05vorbis" + bytes(setup_bytes)
    headers = divided([b"\x03vorbis" + SECRET + bytes(tag_bytes), setup], cuts)
    packets = [bytes([at]) * length for at, length in enumerate(lengths)]
    sound = divided(packets, cuts, samples=64)
    sound[-1] = sound[-1]._replace(flags=sound[-1].flags | last)

    copy = copied(encoded(numbered([identification, *headers, *sound], serial)))
    first, others, *rest = pages_of(copy)
    assert first.body == identification.body
    assert packets_of([others]) == [b"\x03vorbis\3\0\0\0ogg\0\0\0\0\1", setup]
    assert [page[:4] for page in rest] == [page[:4] for page in sound]
    assert copy == encoded(numbered([first, others, *rest], serial=1))


@pytest.mark.parametrize("kind", KINDS)
def test_both_decoders_get_the_same_samples_without_tags(tmp_path, kind):
    data = recording(tmp_path / "x", kind)
    picture = np.random.default_rng(3).bytes(70_000)
    tagged = with_tags(data, {b"LOCATION": SECRET, b"METADATA_BLOCK_PICTURE": picture})
    copy = copied(tagged)
    assert_same_sound(copy, tagged)
    assert SECRET in tagged
    assert SECRET not in copy
    assert len(copy) <= len(data)
    with av.open(io.BytesIO(copy), format="ogg") as opened:
        assert not {**opened.metadata, **opened.streams[0].metadata}
    # Neither tags nor the random serial number distinguish two copies of one sound.
    assert copy == copied(data) == copied(with_tags(data, {}, serial=78))


def test_recordings_are_copied_without_ffmpeg(shared_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(clean_copy, "_copy_packets", None)
    monkeypatch.setattr(clean_copy, "_has_same_samples", None)
    paths = sorted((shared_dir / "library/esc10").rglob("*.ogg"))[::20]
    assert paths
    for path in paths:
        facts = analyse_recording(path, waveform_paths={})
        assert write_clean_copy(path, tmp_path / "copy", facts=facts)
        assert_same_sound((tmp_path / "copy").read_bytes(), path.read_bytes())


@pytest.mark.parametrize("kind", KINDS)
def test_no_decoder_is_needed(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(clean_copy, "_copy_packets", None)
    monkeypatch.setattr(clean_copy, "_has_same_samples", None)
    recording(tmp_path / "x", kind)
    facts = analyse_recording(tmp_path / "x", waveform_paths={})
    assert write_clean_copy(tmp_path / "x", tmp_path / "copy", facts=facts)


@pytest.mark.parametrize("kind", ["VORBIS", "OPUS"])
def test_end_is_the_decoded_duration(tmp_path, kind):
    data = recording(tmp_path / "x", kind)
    source, target = io.BytesIO(data), io.BytesIO()
    end_s = copy_sound(source, target, codec=codec_of(data), sample_rate_hz=48_000)
    assert end_s == len(by_libsndfile(data)) / 48_000 == 2.5


def test_missing_end_flag_stays_missing(vorbis):
    *pages, last = pages_of(vorbis)
    data = encoded([*pages, last._replace(flags=0, checksum=None)])
    copy = copied(data)
    assert_same_sound(copy, data)
    assert not pages_of(copy)[-1].flags


def put(pages: list[Page], at: int = 5, **fields: Any) -> bytes:
    """The file with other fields in one page, and its right checksum."""
    pages = pages.copy()
    pages[at] = pages[at]._replace(**{"checksum": None} | fields)
    return encoded(pages)


def merged(pages: list[Page]) -> Page:
    return pages[-1]._replace(
        lacing=b"".join(page.lacing for page in pages), body=b"".join(page.body for page in pages)
    )


def with_headers(pages: list[Page], packets: list[bytes], segments: int = 200) -> bytes:
    return encoded(numbered([pages[0], *divided(packets, repeat(segments)), *pages[2:]]))


def beside(page: Page, packet: bytes) -> dict[str, bytes]:
    """The content of a page with one more packet before the others."""
    lacing = b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255])
    return {"lacing": lacing + page.lacing, "body": packet + page.body}


JUNK = b"<script>" + SECRET + b"</script>"
DESCRIPTION = Page(FIRST, 0, b"\x40", b"fishead\0\3\0\0\0".ljust(64, b"\0"), serial=5)

# From the pages of a recording, of which the first two are headers, to a file with this fault.
FAULTS: dict[str, Callable[[list[Page]], bytes]] = {
    "damaged": lambda p: put(p, checksum=p[5].checksum, body=bytes(len(p[5].body))),
    "damaged header": lambda p: put(p, 1, checksum=p[1].checksum, granule=-1),
    "page missing": lambda p: encoded(p[:5] + p[6:]),
    "page doubled": lambda p: encoded(p[:6] + p[5:]),
    "pages exchanged": lambda p: encoded([*p[:5], p[6], p[5], *p[7:]]),
    "bytes between": lambda p: encoded(p[:5]) + JUNK + encoded(p[5:]),
    "bytes after": lambda p: encoded(p) + JUNK,
    "bytes after, no end": lambda p: put(p, -1, flags=0) + JUNK,
    "few bytes after": lambda p: put(p, -1, flags=0) + b"\0",
    "cut in a page": lambda p: encoded(p)[:-100],
    "cut in a page with its checksum": lambda p: put(p, -1, body=p[-1].body[:-100]),
    "cut in a head": lambda p: encoded(p[:-1]) + p[-1].encoded()[:20],
    "cut in lacing values": lambda p: encoded(p[:-1]) + p[-1].encoded()[:29],
    "cut in headers": lambda p: encoded(p[:1]),
    "page of another stream": lambda p: put(p, serial=9),
    "description": lambda p: encoded([DESCRIPTION, *p]),
    "description within": lambda p: encoded([p[0], DESCRIPTION._replace(flags=0), *p[1:]]),
    "chained": lambda p: encoded(p + numbered(p, 9)),
    "chained, one serial": lambda p: encoded(numbered(p + p)),
    "chained, no end": lambda p: put(p, -1, flags=0) + encoded(p),
    "end within": lambda p: put(p, flags=LAST),
    "start within": lambda p: put(p, flags=FIRST),
    "unknown flag": lambda p: put(p, flags=8),
    "other version": lambda p: put(p, version=1),
    "no start": lambda p: put(p, 0, flags=0),
    "start has a position": lambda p: put(p, 0, granule=1),
    "headers have a position": lambda p: put(p, 1, granule=1),
    "sound begins within a packet": lambda p: put(p, 2, flags=CONTINUES),
    "position goes back": lambda p: put(p, granule=1),
    "negative position": lambda p: put(p, 2, granule=-2),
    "packet beside headers": lambda p: with_headers(p, [*packets_of(p[1:2]), bytes(9)]),
    "start of packet beside headers": lambda p: with_headers(
        p, [*packets_of(p[1:2]), bytes(60_000)], segments=100
    ),
    "page beside headers": lambda p: encoded(numbered([p[0], merged(p[1:3]), *p[3:]])),
    "one page of headers": lambda p: encoded(
        numbered([merged(p[:2])._replace(flags=FIRST), *p[2:]])
    ),
    "no headers": lambda p: encoded(numbered([p[0], *p[2:]])),
    "no tags": lambda p: with_headers(p, [b"\x05tags", packets_of(p[1:2])[1]]),
    "no setup": lambda p: with_headers(p, [packets_of(p[1:2])[0], b"\x03setup"]),
    "large setup": lambda p: with_headers(
        p, [packets_of(p[1:2])[0], b"\x05vorbis" + bytes(65_000)]
    ),
    "tags in the sound": lambda p: put(p, 2, **beside(p[2], packets_of(p[1:2])[0])),
    "end within a packet": lambda p: put(
        p, -1, lacing=p[-1].lacing + b"\xff", body=p[-1].body + JUNK.ljust(255)
    ),
    "other codec": lambda p: put(p, 0, body=b"\x80theora" + p[0].body[7:]),
    "long identification": lambda p: put(p, 0, lacing=b"\x1f", body=p[0].body + b"\0"),
    "nothing": lambda _: b"",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_file_with_a_fault_is_not_copied_page_by_page(vorbis, fault):
    pages = pages_of(vorbis)
    assert [page.granule > 0 for page in pages[:3]] == [False, False, True]
    assert copied(encoded(pages))
    with pytest.raises(AudioDecodeError, match="cannot be copied page by page"):
        copied(FAULTS[fault](pages))


# The faults in spite of which a recording is accepted.
ACCEPTED = {
    "damaged", "page missing", "page doubled", "pages exchanged", "bytes between", "bytes after",
    "bytes after, no end", "few bytes after", "cut in a head", "page of another stream",
    "description", "description within", "unknown flag", "no start", "start has a position",
    "headers have a position", "sound begins within a packet", "position goes back",
    "packet beside headers", "start of packet beside headers", "page beside headers",
    "one page of headers", "long identification", "tags in the sound", "end within a packet",
}  # fmt: skip
# Those of which FFmpeg makes a clean copy; its copies of the others have other samples.
CLEANED = {
    "bytes between", "bytes after", "bytes after, no end", "few bytes after", "cut in a head",
    "description within", "unknown flag", "start has a position", "headers have a position",
    "sound begins within a packet", "tags in the sound",
}  # fmt: skip


@pytest.fixture
def by_ffmpeg_only(monkeypatch) -> list[Path]:
    """The recordings of which FFmpeg copies the packets."""
    paths: list[Path] = []
    copy_packets = clean_copy._copy_packets

    def noted(path: Path, target: Path, container: Container) -> None:
        paths.append(path)
        copy_packets(path, target, container)

    monkeypatch.setattr(clean_copy, "_copy_packets", noted)
    return paths


@pytest.mark.parametrize("fault", FAULTS)
def test_file_with_a_fault_is_copied_by_ffmpeg_or_not_at_all(
    vorbis, tmp_path, fault, by_ffmpeg_only
):
    path, copy = tmp_path / "x", tmp_path / "copy"
    path.write_bytes(FAULTS[fault](pages_of(vorbis)))
    if fault not in ACCEPTED:
        with pytest.raises(AudioDecodeError):
            analyse_recording(path, waveform_paths={})
        return
    facts = analyse_recording(path, waveform_paths={})
    assert write_clean_copy(path, copy, facts=facts) == (fault in CLEANED)
    assert by_ffmpeg_only == [path]
    assert {file.name for file in tmp_path.iterdir()} == {"x", *(["copy"] * (fault in CLEANED))}
    if fault in CLEANED:
        assert analyse_recording(copy, waveform_paths={}).samples_sha256 == facts.samples_sha256
        assert SECRET not in copy.read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_part_of_a_longer_recording_is_left_to_ffmpeg(tmp_path, kind, by_ffmpeg_only):
    path, copy = tmp_path / "x", tmp_path / "copy"
    pages = pages_of(recording(path, kind))
    late = [
        page._replace(granule=page.granule + 60 * 48_000) if page.granule > 0 else page
        for page in pages
    ]
    path.write_bytes(encoded(numbered(late)))
    facts = analyse_recording(path, waveform_paths={})
    assert facts.duration_s == pytest.approx(2.5, abs=0.01)
    # FFmpeg's copy of Opus has other samples, so a preview is made.
    assert write_clean_copy(path, copy, facts=facts) == (kind == "VORBIS")
    assert by_ffmpeg_only == [path]


def test_large_headers_are_not_read(vorbis, monkeypatch):
    monkeypatch.setattr(ogg_pages, "_MOST_HEADER_BYTES", 60_000)
    assert copied(with_tags(vorbis, {b"a": bytes(10_000)}))
    with pytest.raises(AudioDecodeError, match="0 of 2 packets are in the 102000 bytes"):
        copied(with_tags(vorbis, {b"a": bytes(110_000)}))


def test_other_codecs_are_not_copied():
    with pytest.raises(AudioDecodeError, match="its codec is flac"):
        copy_sound(io.BytesIO(), io.BytesIO(), codec="flac", sample_rate_hz=48_000)


def test_pages_are_written_as_they_are_read(vorbis):
    target = io.BytesIO()
    with pytest.raises(AudioDecodeError):
        copy_sound(io.BytesIO(vorbis[:-1]), target, codec="vorbis", sample_rate_hz=48_000)
    assert len(target.getvalue()) > len(vorbis) - len(pages_of(vorbis)[-1].encoded()) - 200
