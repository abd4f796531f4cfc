"""Small spaces and matchers, and factories of rows, for tests."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
from django.db import transaction
from numpy.typing import ArrayLike, NDArray

from retrieval.engine.matching.bank import Bank, classes_bank
from retrieval.engine.matching.matcher import Matcher, PaperMatcher
from retrieval.engine.matching.sound_matcher import AUDIOSET_KINDS, KindsOfSound, SoundMatcher
from retrieval.engine.spaces.space import ClassSpace, HeardSpace
from retrieval.engine.vocabulary.heard_there import (
    HeardEntry,
    HeardThere,
    Origin,
    Scenery,
    Sound,
)
from retrieval.engine.vocabulary.labels import ClassLabel, Vocabulary
from retrieval.models import Clip, ClipProfile
from retrieval.models import Space as SpaceRow
from retrieval.services.library import advance_snapshot

DUMMY = ClassSpace(
    name="dummy",
    vocabulary=Vocabulary(
        name="dummy",
        labels=tuple(ClassLabel(index=i, key=f"d{i}", name=f"thing {i}") for i in range(7)),
    ),
    image_model="dummy-eye@1",
    audio_model="dummy-ear@1",
    audio_classifier="dummy-ear@1",
    floor=1e-6,
)
DUMMY_WHOLE = replace(DUMMY, image_model="dummy-eye@1+views-4", whole=True)
DUMMY_MATCHER = PaperMatcher(DUMMY, classes_bank((DUMMY,)), name="dummy")

SOUNDS = Vocabulary(
    name="sounds",
    labels=tuple(
        ClassLabel(index=i, key=f"s{i}", name=name)
        for i, name in enumerate(("Waves, surf", "Wind", "Speech", "Bird", "Chatter"))
    ),
)
_HEARD: dict[int, dict[str, float]] = {  # class 5 predicts no sound
    0: {"Waves, surf": 0.7, "Wind": 0.3},
    1: {"Wind": 1.0},
    2: {"Bird": 0.8, "Wind": 0.2},
    3: {"Chatter": 0.6, "Speech": 0.4},
    4: {"Waves, surf": 0.5, "Bird": 0.5},
    5: {},
    6: {"Bird": 1.0},
}
DUMMY_TABLE = HeardThere(
    seen=DUMMY.vocabulary,
    heard=SOUNDS,
    entries=tuple(
        HeardEntry(
            label=label,
            sounds=tuple(
                Sound(SOUNDS.by_name(name), weight, "because")
                for name, weight in _HEARD[label.index].items()
            ),
            scenery=Scenery.SEA if _HEARD[label.index] else Scenery.NO_SCENE,
            origin=Origin.HUMAN_MADE if label.index == 3 else Origin.NATURAL,
        )
        for label in DUMMY.vocabulary
    ),
)
DUMMY_HEARD = HeardSpace(
    name="dummy-heard",
    vocabulary=SOUNDS,
    image_model=f"dummy-eye@1+{DUMMY_TABLE.version}",
    audio_model="dummy-sounds@1+moments",
    audio_classifier="dummy-sounds@1",
    floor=1e-6,
    whole=True,
    table=DUMMY_TABLE,
)

_NAMES = frozenset(label.name for label in SOUNDS)
DUMMY_KINDS = KindsOfSound(
    speech=AUDIOSET_KINDS.speech & _NAMES,
    people=AUDIOSET_KINDS.people & _NAMES,
    too_general=AUDIOSET_KINDS.too_general & _NAMES,
)


def dummy_sound_matcher(
    *,
    name: str = "dummy-ear",
    things: ClassSpace = DUMMY,
    bank: Bank | None = None,
    anywhere: NDArray[np.float64] = DUMMY_TABLE.anywhere,
    **changed: float,
) -> SoundMatcher:
    """Return a small matcher by sounds and objects."""
    weights = {
        "things_always": 0.3,
        "things_when_mute": 0.0,
        "speech_penalty": 3.0,
        "oddness_penalty": 0.08,
    } | changed
    bank = bank or classes_bank((things, DUMMY_HEARD))
    return SoundMatcher(
        name, things=things, sounds=DUMMY_HEARD, bank=bank, anywhere=anywhere,
        kinds=DUMMY_KINDS, **weights,
    )  # fmt: skip


def small_matchers() -> dict[str, Matcher]:
    """Return small matchers under the names of the real ones."""
    things = PaperMatcher(DUMMY, classes_bank((DUMMY,)), name="paper")
    heard = dummy_sound_matcher(
        name="heard", things=DUMMY_WHOLE, things_always=0.0, things_when_mute=0.3
    )
    fused = dummy_sound_matcher(name="fused", things=DUMMY_WHOLE)
    return {"paper": things, "heard": heard, "fused": fused}


def dummy_space_row(space: ClassSpace = DUMMY) -> SpaceRow:
    """Create the row of a small space."""
    return SpaceRow.objects.get_or_create(name=space.name, defaults={"classes": len(space)})[0]


def unsaved_clip(number: int = 1, **fields: Any) -> Clip:
    """Return a valid clip that is not saved."""
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
        "added_in": 1,
    }
    return Clip(**values | fields)


class ClipFactory:
    """Creates clips, each in a new snapshot."""

    def __init__(self) -> None:
        self._number = 0

    @transaction.atomic
    def __call__(self, q: ArrayLike, *, space: ClassSpace = DUMMY, **fields: Any) -> Clip:
        self._number += 1
        dummy_space_row(space)
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
