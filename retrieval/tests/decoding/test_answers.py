"""A read answer equals the written one; a value of the wrong type, size or range is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from retrieval.decoding.answers import (
    DecodedPhoto,
    error_answer,
    limits_answer,
    photo_answer,
    read_error_answer,
    read_limits_answer,
    read_photo_answer,
    read_recording_answer,
    recording_answer,
)
from retrieval.decoding.confinement import LimitState
from retrieval.decoding.messages import ForeignAnswerError, Message
from retrieval.engine.errors import AudioDecodeError, DecodeError, ImageDecodeError
from retrieval.engine.recordings.analysis import WAVEFORM_PEAKS, RecordingFacts

PHOTO = DecodedPhoto(
    views=np.arange(4 * 224 * 224 * 3, dtype=np.uint8).reshape(4, 224, 224, 3),
    width_px=640,
    height_px=480,
    media_type="image/jpeg",
    sha256="0a" * 32,
    web_image=b"pixels",
)
FACTS = RecordingFacts(
    duration_s=1.1,
    sample_rate_hz=44_100,
    channels=2,
    container="ogg",
    codec="vorbis",
    media_type="audio/ogg",
    loudness_lufs=None,
    true_peak_dbtp=-0.1,
    peaks=bytes(range(200)) * 4,
    sample_peak=0.3,
    samples_sha256="0b" * 32,
    browser_playable=True,
)
PLAYED = Path("/scratch/played")


def changed(message, **fields):
    return replace(message, fields=message.fields | fields)


def test_photo():
    read = read_photo_answer(photo_answer(PHOTO))
    assert np.array_equal(read.views, PHOTO.views)
    assert replace(read, views=PHOTO.views) == PHOTO


@pytest.mark.parametrize(
    "fields",
    [
        {"width_px": 0},
        {"width_px": True},
        {"width_px": 640.0},
        {"height_px": "480"},
        {"height_px": 10**9},
        {"media_type": "text/html"},
        {"media_type": ["image/jpeg"]},
        {"sha256": "../../etc/passwd"},
        {"sha256": "0A" * 32},
        {"sha256": "0a" * 32 + "\n"},
        {"more": 1},
    ],
)
def test_photo_with_a_wrong_field(fields):
    with pytest.raises(ForeignAnswerError):
        read_photo_answer(changed(photo_answer(PHOTO), **fields))


@pytest.mark.parametrize(
    ("views", "body_bytes"),
    [
        (0, 1),
        (-1, 1),
        (5, 752_641),
        (1, 0),
        (1, 150_528),
        (4, 451_585),
        (1.0, 150_529),
        (True, 150_529),
    ],
)
def test_photo_with_wrong_views(views, body_bytes):
    answer = replace(changed(photo_answer(PHOTO), views=views), body=bytes(body_bytes))
    with pytest.raises(ForeignAnswerError):
        read_photo_answer(answer)


def test_a_photo_without_a_field():
    with pytest.raises(ForeignAnswerError):
        read_photo_answer(Message({}, photo_answer(PHOTO).body))


@pytest.mark.parametrize("loudness_lufs", [None, -23.4])
def test_recording(loudness_lufs):
    facts = replace(FACTS, loudness_lufs=loudness_lufs)
    assert read_recording_answer(recording_answer(facts), played_path=None) == facts


def test_played_file_must_have_been_requested():
    facts = replace(FACTS, preview_path=PLAYED.with_suffix(".mp3"))
    answer = recording_answer(facts)
    assert read_recording_answer(answer, played_path=PLAYED) == facts
    for foreign in ("/../../etc/passwd", ".php", ".", ""):
        with pytest.raises(ForeignAnswerError):
            read_recording_answer(changed(answer, played_suffix=foreign), played_path=PLAYED)
    with pytest.raises(ForeignAnswerError):
        read_recording_answer(answer, played_path=None)
    with pytest.raises(ForeignAnswerError):
        read_recording_answer(recording_answer(FACTS), played_path=PLAYED)


@pytest.mark.parametrize(
    "fields",
    [
        {"duration_s": 1},
        {"duration_s": float("inf")},
        {"duration_s": -1.0},
        {"sample_rate_hz": 0},
        {"channels": 2.0},
        {"container": "exe"},
        {"codec": "<script>"},
        {"codec": None},
        {"loudness_lufs": "loud"},
        {"true_peak_dbtp": None},
        {"sample_peak": [0.1]},
        {"samples_sha256": "0"},
        {"browser_playable": 1},
        {"preview_path": "/etc/passwd"},
    ],
)
def test_recording_with_a_wrong_field(fields):
    with pytest.raises(ForeignAnswerError):
        read_recording_answer(changed(recording_answer(FACTS), **fields), played_path=None)


@pytest.mark.parametrize("body_bytes", [0, WAVEFORM_PEAKS - 1, WAVEFORM_PEAKS + 1])
def test_recording_with_wrong_peaks(body_bytes):
    with pytest.raises(ForeignAnswerError):
        read_recording_answer(
            replace(recording_answer(FACTS), body=bytes(body_bytes)), played_path=None
        )


def test_limits():
    limits = (LimitState("network", in_force=False, detail="no filter"),)
    assert read_limits_answer(limits_answer(limits)) == limits
    for foreign in ("none", [["network", True, ""]], [{"name": "network", "in_force": 1}]):
        with pytest.raises(ForeignAnswerError):
            read_limits_answer(Message({"limits": foreign}))


@pytest.mark.parametrize("kind", [DecodeError, ImageDecodeError, AudioDecodeError])
def test_errors_keep_their_class_code_and_text(kind):
    error = read_error_answer(error_answer(kind("cut short", code="image_truncated")))
    assert isinstance(error, DecodeError)
    assert type(error) is kind
    assert (error.detail, error.code) == ("cut short", "image_truncated")


def test_errors_of_the_system_keep_their_number():
    error = read_error_answer(error_answer(OSError(13, "Permission denied", "/x")))
    assert isinstance(error, PermissionError)
    assert str(error) == "[Errno 13] Permission denied: '/x'"
    assert isinstance(read_error_answer(error_answer(MemoryError())), MemoryError)


def test_a_result_is_not_an_error():
    assert read_error_answer(photo_answer(PHOTO)) is None
