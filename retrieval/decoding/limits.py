"""The limits of a decoding process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

from retrieval.engine.photos.limits import PhotoLimits
from retrieval.engine.recordings.analysis import RecordingLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodingLimits:
    """Limits on a file, and on the resources that decoding it may use."""

    photo: PhotoLimits
    recording: RecordingLimits = field(default_factory=RecordingLimits)
    web_image_side_px: int = 1_600
    photo_timeout_s: float = 10.0
    photo_cpu_s: float = 10.0
    recording_timeout_s: float = 600.0
    recording_cpu_s: float = 600.0
    queue_timeout_s: float = 15.0
    most_waiting: int = 6
    jobs_per_child: int = 500
    max_address_space_bytes: int = 2_000_000_000
    max_written_bytes: int = 2_000_000_000
    max_open_files: int = 64

    @classmethod
    def from_fields(cls, *, photo: Any, recording: Any, **fields: Any) -> Self:
        """Rebuild limits from the result of `dataclasses.asdict`."""
        return cls(photo=PhotoLimits(**photo), recording=RecordingLimits(**recording), **fields)
