"""Profiles of the second space."""

from __future__ import annotations

from dataclasses import replace

from retrieval.tests.factories import DUMMY_HEARD

NEWER = replace(DUMMY_HEARD, audio_model="dummy-sounds@2+moments")


def heard(clip, space=DUMMY_HEARD):
    return clip.profiles.get(space_id=space.name, model_version=space.audio_model)
