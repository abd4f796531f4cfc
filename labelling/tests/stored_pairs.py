"""A pair whose photo and recording are in the storage."""

from __future__ import annotations

from typing import Any, Final

from labelling.models import Campaign
from labelling.tests.factories import make_clip, make_pairs, make_scene
from retrieval.storage.content_store import keep_bytes, sha256_of_bytes

PHOTO: Final = b"\xff\xd8 a photo"
SOUND: Final = b"fLaC" + b"a sound" * 20


def stored_pair(campaign: Campaign) -> Any:
    """Add a pair whose photo and recording are in the storage."""
    names = {}
    for folder, content, suffix in (("photos", PHOTO, ".jpg"), ("clips", SOUND, ".flac")):
        sha256 = sha256_of_bytes(content)
        names[folder] = keep_bytes(content, folder=folder, sha256=sha256, suffix=suffix)
    scene, clip = make_scene(photo=names["photos"]), make_clip(original=names["clips"], preview="")
    (pair,) = make_pairs(campaign, 1, scene=scene, clip=clip)
    return pair
