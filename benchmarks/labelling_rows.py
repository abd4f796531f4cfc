"""Rows for measurements of labelling: photos with their matches, a campaign, reviewers."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.db import connection
from PIL import Image

from accounts.models import User
from accounts.roles import Role
from benchmarks.chaos.reviewers import PASSWORD
from labelling.models import PhotoSet, Reviewer
from labelling.services.campaigns import make_campaign
from labelling.services.drawing import open_campaign, preview
from labelling.services.guidelines import make_guideline, publish_guideline

PHOTO_FILE, SOUND_FILE = "labelling.jpg", "labelling.ogg"  # all photos and recordings share them
RANKS: Final = 5

_CLIPS: Final = """
INSERT INTO retrieval_clip (
    sha256, path, title, tags, author, license, license_url, source_url, collection, original,
    preview, media_type, byte_size, duration_s, sample_rate_hz, channels, loudness_lufs,
    true_peak_dbtp, peaks, added_in
)
SELECT encode(sha256(convert_to('clip' || n, 'UTF8')), 'hex'), n || '.ogg', 'Sound ' || n, '{}',
       '', 'CC0-1.0', '', '', '', %(file)s, '', 'audio/ogg', 1000, 10, 48000, 2, -23, -1, '', 1
FROM generate_series(1, %(clips)s) n
"""
_PHOTOS: Final = """
WITH run AS (
    INSERT INTO retrieval_matchrun (
        photo_sha256, matcher, matcher_version, model_versions, snapshot, library_size,
        search_seconds, created_at
    )
    SELECT encode(sha256(convert_to(%(name)s || n, 'UTF8')), 'hex'), 'paper', 1, '{}', 1,
           %(clips)s, 0.1, now() - interval '1 hour'
    FROM generate_series(1, %(photos)s) n
    RETURNING id, photo_sha256
), matched AS (
    INSERT INTO retrieval_match (run_id, clip_id, rank, score, explanations)
    SELECT run.id, clip.id, rank, -rank, '[]'
    FROM run CROSS JOIN generate_series(1, %(ranks)s) rank
    JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS number FROM retrieval_clip) clip
      ON clip.number = (run.id * 7 + rank) %% (SELECT count(*) FROM retrieval_clip)
), scene AS (
    INSERT INTO retrieval_scene (
        id, photo_sha256, photo, model_input, width_px, height_px, run_id, judging_allowed, state,
        attempts, lease_owner, failure_code, failure_detail, finished_at
    )
    SELECT gen_random_uuid(), photo_sha256, %(file)s, %(file)s, 64, 48, id, true, 'done', 1, '',
           '', '', now()
    FROM run
    RETURNING id, photo_sha256
)
INSERT INTO labelling_setphoto (
    photo_set_id, scene_id, photo_sha256, name, author, license, source_url
)
SELECT %(photo_set)s, id, photo_sha256, '', '', 'CC0-1.0', '' FROM scene
"""


def make_clips(count: int) -> None:
    """Make recordings."""
    with connection.cursor() as cursor:
        cursor.execute(_CLIPS, {"clips": count, "file": SOUND_FILE})


def make_photo_set(name: str, *, photos: int) -> PhotoSet:
    """Make a set of photos, each with matches of `RANKS` recordings; there must be so many."""
    photo_set = PhotoSet.objects.create(name=name, source=PhotoSet.Source.IMPORTED)
    values: dict[str, int | str] = {
        "name": name, "photos": photos, "ranks": RANKS, "clips": 1, "file": PHOTO_FILE,
        "photo_set": photo_set.pk,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_PHOTOS, values)
        cursor.execute("ANALYZE")
    return photo_set


def make_reviewers(count: int, *, prefix: str = "reviewer") -> list[Reviewer]:
    """Make accounts with the role of a reviewer; all have the same password."""
    password = make_password(PASSWORD)
    users = User.objects.bulk_create(
        User(
            username=f"{prefix}{number}",
            email=f"{prefix}{number}@people.example",
            password=password,
        )
        for number in range(count)
    )
    EmailAddress.objects.bulk_create(
        EmailAddress(user=user, email=user.email, verified=True, primary=True) for user in users
    )
    Group.objects.get(name=Role.REVIEWER).user_set.add(*users)
    return Reviewer.objects.bulk_create(Reviewer(user=user) for user in users)


def make_lead() -> User:
    """Return the account that draws campaigns, made at the first call."""
    staff = {"email": "lead@people.example", "is_staff": True, "is_superuser": True}
    return User.objects.get_or_create(username="lead", defaults=staff)[0]


def make_files(media: Path) -> None:
    """Write the photo and the recording that all rows name."""
    noise = np.random.default_rng(7)
    pixels = noise.integers(0, 255, (640, 960, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(media / PHOTO_FILE, quality=85)
    soundfile.write(media / SOUND_FILE, noise.normal(0, 0.1, (480_000, 2)), 48_000)


def fill_site(*, name: str, pairs: int, reviewers: int, overlap: str) -> int:
    """Make reviewers and an open campaign of the library's recordings; return its key."""
    make_reviewers(reviewers, prefix=name)
    lead_id = make_lead().pk
    guideline = make_guideline(title=name, body="Does the sound fit?", lead_id=lead_id)
    publish_guideline(guideline_id=guideline.pk, lead_id=lead_id)
    campaign = make_campaign(
        lead_id=lead_id, name=name, guideline=guideline, matchers=["paper"], ranks=RANKS,
        photo_set=make_photo_set(name, photos=pairs // RANKS), size=pairs, seed=7,
        graders_per_pair=Decimal(overlap),
    )  # fmt: skip
    draw = preview(campaign_id=campaign.pk)
    open_campaign(campaign_id=campaign.pk, digest=draw.digest, lead_id=lead_id)
    return campaign.pk
