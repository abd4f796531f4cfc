"""What a decoding process does: it takes jobs from a pipe until its parent hangs up.

It is started as a fresh interpreter by :mod:`retrieval.decoding.pool` and imports the
decoders and nothing else: no Django, no database, no model.
"""

from __future__ import annotations

import errno
import hashlib
import os
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.decoding.confinement import Bounds, allow_cpu, confine
from retrieval.engine.errors import DecodeError, EngineError
from retrieval.engine.photos.headers import sniff_media_type
from retrieval.engine.photos.images import (
    ImageLimits,
    encode_for_web,
    open_photo,
    photo_views,
    read_photo,
)
from retrieval.engine.recordings.analysis import RecordingFacts, RecordingLimits, analyse_recording
from retrieval.engine.recordings.clean_copy import write_clean_copy
from retrieval.engine.recordings.preview import PREVIEW_SUFFIX, write_preview

PHOTO_SIDE_PX = 224
"""Side of the squares that MobileNet sees."""

TAKEN = "taken"
"""What a child answers as soon as it has a job: from then on the job is to blame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodingLimits:
    """What a file may be, and what decoding it may cost."""

    image: ImageLimits = field(default_factory=ImageLimits)
    recording: RecordingLimits = field(default_factory=RecordingLimits)
    web_image_side_px: int = 1_600
    photo_timeout_s: float = 10.0
    photo_cpu_s: float = 10.0
    recording_timeout_s: float = 600.0
    recording_cpu_s: float = 600.0
    queue_timeout_s: float = 15.0
    jobs_per_child: int = 500
    max_address_space_bytes: int = 2_000_000_000
    max_written_bytes: int = 2_000_000_000
    max_open_files: int = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedPhoto:
    """What remains of an uploaded photo: pixels and facts, no metadata.

    `views` are uint8 [n, 224, 224, 3], RGB, for the network, the centre first; `web_image`
    is a JPEG for the page; size and type are the upload's, upright; `sha256` is that of its bytes.
    """

    views: NDArray[np.uint8]
    width_px: int
    height_px: int
    media_type: str
    sha256: str
    web_image: bytes


def decode_photo(source: Path | bytes, limits: DecodingLimits) -> DecodedPhoto:
    """Decode, check and re-encode a photo."""
    data = read_photo(source, limits.image)
    photo = open_photo(data, limits.image)
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
    """Measure a recording, write its waveforms and what browsers are to play of it."""
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
    """Write a copy without tags where browsers play the format, else a preview."""
    if facts.browser_playable:
        copy = played_path.with_suffix(f".{facts.container}")
        if write_clean_copy(path, copy, facts=facts, limits=limits):
            return replace(facts, preview_path=copy)
    preview = played_path.with_suffix(PREVIEW_SUFFIX)
    heard = write_preview(path, preview, facts=facts, limits=limits)
    return replace(
        facts,
        preview_path=preview,
        loudness_lufs=heard.loudness_lufs,
        true_peak_dbtp=heard.true_peak_dbtp,
    )


def serve(descriptor: int) -> None:
    """Live a child's life: be confined and say so, then answer jobs until the parent hangs up."""
    pipe = Connection(descriptor)
    limits: DecodingLimits = pipe.recv()
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device, not a path
        os.dup2(nowhere.fileno(), 2)  # decoders chatter about damaged files; errors take the pipe
    pipe.send(
        confine(
            Bounds(
                address_space_bytes=limits.max_address_space_bytes,
                written_bytes=limits.max_written_bytes,
                open_files=limits.max_open_files,
            )
        )
    )
    while True:
        try:
            function, arguments, cpu_s = pipe.recv()
        except EOFError:
            return
        allow_cpu(cpu_s)
        pipe.send(TAKEN)
        pipe.send(_answer(function, arguments))


def _answer(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[bool, Any]:
    try:
        return True, function(*arguments)
    except OSError as error:
        return False, _of_the_file(error) if error.errno == errno.EFBIG else error
    except (EngineError, MemoryError) as error:
        return False, error
    except Exception as error:  # noqa: BLE001 - a fault of ours: the parent is to raise it
        return False, RuntimeError(f"{error!r} in a decoding process\n{traceback.format_exc()}")


def _of_the_file(error: OSError) -> DecodeError:
    return DecodeError(f"decoding it would write more than is allowed: {error}")
