"""Campaigns for browser tests: rows made by hand, with photos and recordings that are served."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone
from PIL import Image, ImageDraw

from accounts.models import User
from labelling.grades import Grading
from labelling.models import Answer, Grade, Guideline, GuidelineExample, Skip
from labelling.services.queue import release_leases
from labelling.tests.factories import (
    make_campaign,
    make_gold_pairs,
    make_guideline,
    make_pairs,
    make_scene,
    make_set,
)
from retrieval.models import Clip, Scene
from retrieval.storage.content_store import keep_bytes, sha256_of_bytes
from soundscape_site.tests.browser.people import PASSWORD
from soundscape_site.tests.browser.site import PHOTOS, Site

PHOTO_TITLE = "The photo's own title"

GUIDELINE = """
**Good**: the sound you would expect standing there. Any waterfall is right for a waterfall.

**Decent**: plausible, near by: a river for a waterfall.

**Bad**: wrong place, or people where there are none.
"""


@dataclass(frozen=True)
class Made:
    """What a test made, and what the site must not tell a reviewer of it."""

    campaign: int
    pairs: list[int]
    scenes: list[str]
    clips: list[int]
    hashes: list[str]
    titles: list[str]


def give_campaign(site: Site, name: str, **spec: Any) -> Made:
    """Make a campaign on a running site; see `build`."""
    return Made(**json.loads(_in_shell(site, f"build({name!r}, **{spec!r})")))


def answers_in(site: Site, campaign: int) -> list[dict[str, Any]]:
    """Return the grades and skips in force in a campaign, in the order in which they came."""
    answers: list[dict[str, Any]] = json.loads(_in_shell(site, f"list_answers({campaign})"))
    return answers


def free_all_pairs(site: Site, campaign: int) -> None:
    """End all leases in a campaign, as a lead does."""
    _in_shell(site, f"release({campaign})")


def _in_shell(site: Site, call: str) -> str:
    code = f"from soundscape_site.tests.browser import campaigns as made; print(made.{call})"
    said = site.manage("shell", "--verbosity", "0", "--command", code).strip()
    return said.splitlines()[-1] if said else ""


def make_people(names: tuple[str, ...], role: str) -> None:
    for name in names:
        email = f"{name}@people.example"
        user = User.objects.create_user(name, email, PASSWORD)
        user.groups.set(Group.objects.filter(name=role))
        EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)


@transaction.atomic
def build(
    name: str,
    *,
    reviewers: tuple[str, ...] = (),
    pairs: int = 6,
    slots: int = 1,
    gold: int = 0,
    examples: bool = False,
    side_px: int = 0,
    **fields: Any,
) -> str:
    """Make reviewers, and an open campaign with so many pairs, each with so many slots.

    Returns `Made` as JSON.
    """
    make_people(reviewers, "reviewer")
    guideline = make_guideline(
        title=f"Guideline of {name} {timezone.now():%M%S%f}",
        body=GUIDELINE,
        version=3,
        published_at=None,
    )
    clips = list(Clip.objects.filter(removed_in__isnull=True).order_by("duration_s")[:12])
    scenes = [make_photo(uuid4().hex, number, side_px) for number in range(1, 11)]
    photo_set = make_set(scenes, name=f"Photos of {name}")
    campaign = make_campaign(name=name, guideline=guideline, photo_set=photo_set, **fields)
    rows = []
    for number in range(pairs):
        pair = {"scene": scenes[number % 10], "clip": clips[number // 10 % len(clips)]}
        rows += make_pairs(campaign, 1, slots, **pair)
    for number in range(gold):
        (pair,) = make_gold_pairs(campaign, 1)
        pair.scene, pair.clip = scenes[number % 10], clips[-1 - number // 10]
        pair.save()
        rows.append(pair)
    if examples:
        for number, grade in enumerate(Grading.values):
            GuidelineExample.objects.create(
                guideline=guideline, scene=scenes[number], clip=clips[number + 3], grade=grade,
                why="The waves are heard, and one sees them.",
            )  # fmt: skip
    Guideline.objects.filter(pk=guideline.pk).update(published_at=timezone.now())
    used = [row.clip for row in rows]
    return json.dumps(
        {
            "campaign": campaign.pk,
            "pairs": [row.pk for row in rows],
            "scenes": [str(scene.pk) for scene in scenes],
            "clips": [clip.pk for clip in used],
            "hashes": sorted(
                {scene.photo_sha256 for scene in scenes}
                | {clip.sha256 for clip in used}
                | {Path(clip.played_name).stem for clip in used}
            ),
            "titles": sorted({clip.title for clip in used} | {clip.author for clip in used}),
        }
    )


def make_photo(mark: str, number: int, side_px: int = 0) -> Scene:
    """Make a scene; the mark in its corner makes the photo one that no other test has."""
    with Image.open(PHOTOS / f"kodim{number:02}.png") as picture:
        image = picture.convert("RGB")
    if side_px:
        image = image.resize((side_px, side_px * image.height // image.width))
    ImageDraw.Draw(image).text((8, 8), mark)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=88)
    content = stream.getvalue()
    sha256 = sha256_of_bytes(content)
    return make_scene(
        photo_sha256=sha256,
        photo=keep_bytes(content, folder="photos", sha256=sha256, suffix=".jpg"),
        model_input=keep_bytes(content, folder="inputs", sha256=sha256, suffix=".rgb"),
        width_px=image.width,
        height_px=image.height,
        title=PHOTO_TITLE,
    )


def release(campaign: int) -> int:
    operator = User.objects.create_user(f"lead-of-{campaign}", f"lead-of-{campaign}@people.example")
    return release_leases(campaign_id=campaign, reviewer_ids=None, actor_id=operator.pk)


def list_answers(campaign: int) -> str:
    rows = [
        {
            "by": str(grade.reviewer), "pair": grade.pair_id, "kind": "grade",
            "grade": grade.grade, "faults": grade.faults, "listened_s": grade.listened_s,
            "took_s": grade.took_s, "at": grade.at.isoformat(),
        }
        for grade in Grade.objects.filter(pair__campaign=campaign).select_related("reviewer__user")
    ]  # fmt: skip
    rows += [
        {
            "by": str(skip.reviewer), "pair": skip.pair_id, "kind": "skip",
            "reason": skip.reason, "at": skip.at.isoformat(),
        }
        for skip in Skip.objects.filter(pair__campaign=campaign).select_related("reviewer__user")
    ]  # fmt: skip
    undone = Answer.objects.filter(pair__campaign=campaign, kind="undo").count()
    return json.dumps(
        [*sorted(rows, key=lambda row: str(row["at"])), {"kind": "undone", "n": undone}]
    )
