"""The functions of a decoding process, called in this process."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest

from retrieval.decoding import child
from retrieval.decoding.answers import photo_answer
from retrieval.decoding.child import decode_photo, decode_recording
from retrieval.decoding.limits import DecodingLimits
from retrieval.engine.recordings import clean_copy
from retrieval.engine.recordings.analysis import RecordingLimits
from retrieval.tests.engine.toy_photos import PHOTO_LIMITS, encoded, gradient
from retrieval.tests.engine.toy_sounds import sine, written

LIMITS = DecodingLimits(photo=PHOTO_LIMITS)


def test_photo_is_a_small_message():
    photo = decode_photo(encoded(gradient(4_000, 3_000), "JPEG"), LIMITS)
    assert photo.views.shape == (4, 224, 224, 3)
    assert len(photo_answer(photo).body) < 2_000_000


def test_web_image_has_the_requested_size():
    limits = replace(LIMITS, web_image_side_px=100)
    small = decode_photo(encoded(gradient(400, 300), "JPEG"), limits)
    large = decode_photo(encoded(gradient(400, 300), "JPEG"), LIMITS)
    assert len(small.web_image) < len(large.web_image) / 2


def test_failing_preview_removes_the_waveforms(tmp_path, monkeypatch):
    def fail(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(child, "write_preview", fail)
    path = written(tmp_path / "x", sine(1), file_format="AIFF", subtype="PCM_16")
    waveforms = {22_050: tmp_path / "w"}
    with pytest.raises(OSError, match="No space"):
        decode_recording(path, waveforms, tmp_path / "preview.mp3", RecordingLimits())
    assert [file.name for file in tmp_path.iterdir()] == ["x"]


def test_no_preview_unless_requested(tmp_path):
    path = written(tmp_path / "x", sine(1), file_format="AIFF", subtype="PCM_16")
    facts = decode_recording(path, {}, None, RecordingLimits())
    assert not facts.browser_playable
    assert facts.preview_path is None
    assert [file.name for file in tmp_path.iterdir()] == ["x"]


def test_recording_without_a_clean_copy_gets_a_preview(tmp_path, monkeypatch):
    monkeypatch.setattr(clean_copy, "_MOST_BYTES", 1_000)
    path = written(tmp_path / "x", sine(1), file_format="FLAC", subtype="PCM_16")
    facts = decode_recording(path, {}, tmp_path / "played", RecordingLimits())
    assert facts.browser_playable
    assert facts.preview_path == tmp_path / "played.mp3"
    assert {file.name for file in tmp_path.iterdir()} == {"x", "played.mp3"}
