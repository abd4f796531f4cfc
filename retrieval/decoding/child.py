"""The decoding process: decode one file for each request until the parent closes the socket.

:mod:`retrieval.decoding.pool` starts it as a fresh interpreter. It imports the decoders, but no
Django, no database and no model.
"""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from retrieval.decoding.answers import (
    PHOTO_SIDE_PX,
    DecodedPhoto,
    error_answer,
    limits_answer,
    photo_answer,
    recording_answer,
)
from retrieval.decoding.confinement import allow_cpu, confine
from retrieval.decoding.limits import DecodingLimits
from retrieval.decoding.messages import Channel, Message
from retrieval.engine.photos.headers import sniff_media_type
from retrieval.engine.photos.images import encode_for_web, open_photo, photo_views, read_photo
from retrieval.engine.recordings.analysis import RecordingFacts, RecordingLimits, analyse_recording
from retrieval.engine.recordings.clean_copy import write_clean_copy
from retrieval.engine.recordings.preview import PREVIEW_SUFFIX, write_preview

Function = Callable[[Message, DecodingLimits], Message]


def decode_photo(source: Path | bytes, limits: DecodingLimits) -> DecodedPhoto:
    """Decode, check and re-encode a photo."""
    data = read_photo(source, limits.photo)
    photo = open_photo(data, limits.photo)
    return DecodedPhoto(
        views=photo_views(photo, PHOTO_SIDE_PX),
        width_px=photo.width,
        height_px=photo.height,
        media_type=sniff_media_type(data),
        sha256=hashlib.sha256(data).hexdigest(),
        web_image=encode_for_web(photo, limits.web_image_side_px),
    )


def decode_recording(
    path: Path,
    waveform_paths: Mapping[int, Path],
    played_path: Path | None,
    limits: RecordingLimits,
) -> RecordingFacts:
    """Measure a recording and write its waveforms and the file that browsers play."""
    facts = analyse_recording(path, waveform_paths=waveform_paths, limits=limits)
    if played_path is None:
        return facts
    try:
        return _with_played_file(path, played_path, facts, limits)
    except BaseException:
        for waveform in waveform_paths.values():
            waveform.unlink(missing_ok=True)
        raise


def _with_played_file(
    path: Path, played_path: Path, facts: RecordingFacts, limits: RecordingLimits
) -> RecordingFacts:
    """Write a copy without tags if browsers play the format, else a preview."""
    if facts.browser_playable:
        copy = played_path.with_suffix(f".{facts.container}")
        if write_clean_copy(path, copy, facts=facts, limits=limits):
            return replace(facts, preview_path=copy)
    preview = played_path.with_suffix(PREVIEW_SUFFIX)
    measured = write_preview(path, preview, facts=facts, limits=limits)
    return replace(
        facts,
        preview_path=preview,
        loudness_lufs=measured.loudness_lufs,
        true_peak_dbtp=measured.true_peak_dbtp,
    )


def _photo(request: Message, limits: DecodingLimits) -> Message:
    path = request.fields["path"]
    limits = replace(limits, web_image_side_px=request.fields["web_image_side_px"])
    return photo_answer(decode_photo(Path(path) if path else request.body, limits))


def _recording(request: Message, limits: DecodingLimits) -> Message:
    path, played = request.fields["path"], request.fields["played_path"]
    waveform_paths = {rate_hz: Path(file) for rate_hz, file in request.fields["waveform_paths"]}
    played_path = Path(played) if played else None
    return recording_answer(
        decode_recording(Path(path), waveform_paths, played_path, limits.recording)
    )


FUNCTIONS: Final[Mapping[str, Function]] = {"photo": _photo, "recording": _recording}


def serve(descriptor: int, functions: Mapping[str, Function] = FUNCTIONS) -> None:
    """Confine this process, report its limits, and answer requests.

    An empty message acknowledges each request: if the process dies later, the request is the cause.
    """
    channel = Channel(socket.socket(fileno=descriptor))
    limits = DecodingLimits.from_fields(**channel.receive().fields)
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device, not a path
        os.dup2(nowhere.fileno(), 2)  # decoders write to stderr about damaged files
    channel.send(limits_answer(confine(limits)))
    while True:
        try:
            request = channel.receive()
        except ConnectionError:
            return
        allow_cpu(request.fields["cpu_s"])
        channel.send(Message())
        try:
            answer = functions[request.fields["function"]](request, limits)
        except Exception as error:  # noqa: BLE001 - the parent raises it
            answer = error_answer(error)
        channel.send(answer)
