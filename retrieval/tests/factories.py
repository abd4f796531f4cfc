"""Typed makers of rows for tests."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from django.db import transaction
from django.utils import timezone
from numpy.typing import ArrayLike

from retrieval.engine.labels import ClassLabel, Vocabulary
from retrieval.engine.matchers import Matcher, WeightedSpace
from retrieval.engine.spaces import Space
from retrieval.models import Clip, ClipProfile, JobState
from retrieval.models import Space as SpaceRow
from retrieval.services.library import advance_snapshot

DUMMY = Space(
    name="dummy",
    vocabulary=Vocabulary(
        name="dummy",
        labels=tuple(ClassLabel(index=i, key=f"d{i}", name=f"thing {i}") for i in range(7)),
    ),
    image_model="dummy-eye@1",
    audio_model="dummy-ear@1",
    floor=1e-6,
)
DUMMY_MATCHER = Matcher(name="dummy", version=1, parts=(WeightedSpace(DUMMY),))


def dummy_space_row() -> SpaceRow:
    """Register the seven-class space in the database."""
    return SpaceRow.objects.get_or_create(name=DUMMY.name, defaults={"classes": len(DUMMY)})[0]


def unsaved_clip(number: int = 1, **fields: Any) -> Clip:
    """Return a valid clip, not yet stored, outside the library."""
    now = timezone.now()
    values: dict[str, Any] = {
        "sha256": hashlib.sha256(str(number).encode()).hexdigest(),
        "path": f"folder/clip-{number}.ogg",
        "title": f"Clip {number}",
        "author": "Somebody",
        "license": "CC0-1.0",
        "original": f"recordings/{number}.ogg",
        "media_type": "audio/ogg",
        "byte_size": 1000,
        "duration_s": 5.0,
        "sample_rate_hz": 44_100,
        "channels": 2,
        "loudness_lufs": -23.0,
        "true_peak_dbtp": -3.0,
        "peaks": bytes(800),
        "state": JobState.DONE,
        "started_at": now,
        "finished_at": now,
        "added_in": 1,
    }
    return Clip(**values | fields)


class ClipFactory:
    """Makes clips one after the other, each in a snapshot of its own."""

    def __init__(self) -> None:
        self._number = 0

    @transaction.atomic
    def __call__(self, q: ArrayLike, *, space: Space = DUMMY, **fields: Any) -> Clip:
        self._number += 1
        if space is DUMMY:
            dummy_space_row()
        snapshot = advance_snapshot()
        clip = unsaved_clip(self._number, added_in=snapshot, **fields)
        clip.save()
        ClipProfile.objects.create(
            clip=clip,
            space_id=space.name,
            classes=len(space),
            model_version=space.audio_model,
            distribution=space.clip_profile(np.asarray(q)).values,
            added_in=snapshot,
        )
        return clip
