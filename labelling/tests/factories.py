"""Factories of rows for tests of labelling."""

from __future__ import annotations

import hashlib
import itertools
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.utils import timezone

from labelling.models import (
    Campaign,
    CampaignState,
    FrozenReport,
    GoldPair,
    Guideline,
    Pair,
    PhotoSet,
    Reviewer,
    SetPhoto,
    Slot,
)
from retrieval.models import Clip, JobState, Match, MatchRun, Scene
from retrieval.tests.factories import unsaved_clip

PROBABILITY = 0.5
_numbers = itertools.count(1)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def make_clip(**fields: Any) -> Clip:
    """Make a recording of 30 s that the library serves."""
    number = next(_numbers)
    values = {"sha256": _sha256(f"clip {number} {uuid4()}"), "duration_s": 30.0} | fields
    clip = unsaved_clip(number, **values)
    clip.save()
    return clip


def make_scene(**fields: Any) -> Scene:
    """Make a photo that reviewers may judge, with a run of `fused` that has no matches yet."""
    values: dict[str, Any] = {
        "photo_sha256": _sha256(f"photo {next(_numbers)} {uuid4()}"),
        "photo": "photos/a.webp",
        "model_input": "inputs/a.rgb",
        "width_px": 1600,
        "height_px": 1067,
        "state": JobState.DONE,
        "finished_at": timezone.now(),
        "judging_allowed": True,
    } | fields
    if "run" not in values:
        values["run"] = _run(values["photo_sha256"], "fused", values["finished_at"])
    return Scene.objects.create(**values)


def make_run(scene: Scene, matcher: str, clips: list[Clip], *, strength: str = "fair") -> MatchRun:
    """Give a photo a run in which these recordings are ranked; `fused` is the photo's own run."""
    run = _run(scene.photo_sha256, matcher, scene.finished_at or timezone.now())
    first = run.matches.count() + 1
    Match.objects.bulk_create(
        Match(
            run=run, clip=clip, rank=rank, score=-float(rank), explained=0.5, standard=1.0, fit=0.5,
            strength=strength,
        )
        for rank, clip in enumerate(clips, first)
    )  # fmt: skip
    return run


def _run(photo_sha256: str, matcher: str, created_at: datetime) -> MatchRun:
    return MatchRun.objects.get_or_create(
        photo_sha256=photo_sha256,
        matcher=matcher,
        matcher_version=1,
        model_versions={"objects": {"image": "eye@1", "audio": "ear@1"}},
        snapshot=1,
        defaults={"library_size": 1, "search_seconds": 0.1, "created_at": created_at},
    )[0]


def make_set(scenes: list[Scene] | tuple[Scene, ...] = (), **fields: Any) -> PhotoSet:
    """Make a set of these photos."""
    photo_set = PhotoSet.objects.create(**{"name": f"Set {next(_numbers)}"} | fields)
    SetPhoto.objects.bulk_create(
        SetPhoto(photo_set=photo_set, scene=scene, photo_sha256=scene.photo_sha256)
        for scene in scenes
    )
    return photo_set


def make_guideline(**fields: Any) -> Guideline:
    """Make a published guideline."""
    values = {
        "title": f"Guideline {next(_numbers)}",
        "version": 1,
        "body": "Does the *sound* fit?",
        "published_at": timezone.now(),
    }
    return Guideline.objects.create(**values | fields)


def make_campaign(**fields: Any) -> Campaign:
    """Make a campaign, which is open and drawn if no other state is given."""
    state = fields.get("state", CampaignState.OPEN)
    values: dict[str, Any] = {
        "name": f"Campaign {next(_numbers)}",
        "matchers": ["fused"],
        "seed": 7,
        "state": state,
    }
    if state != CampaignState.DRAFT:
        values |= {"drawn_at": timezone.now(), "frame_units": 1000, "draw_digest": "d" * 64}
    if state == CampaignState.CLOSED:
        values["closed_at"] = timezone.now()
    if "photo_set" not in fields:
        values["photo_set"] = make_set()
    if "guideline" not in fields:
        values["guideline"] = make_guideline()
    return Campaign.objects.create(**values | fields)


def make_pairs(campaign: Campaign, n: int, slots: int = 2, **fields: Any) -> list[Any]:
    """Add pairs of the sample, each with a photo and a recording of its own and with free slots."""
    first = _next_position(campaign)
    pairs: list[Any] = []
    for position in range(first, first + n):
        values = {"purpose": Pair.Purpose.SAMPLE, "inclusion_probability": PROBABILITY} | fields
        pairs.append(_pair(campaign, position, **values))
    Slot.objects.bulk_create(
        Slot(pair=pair, number=number, campaign=campaign, position=pair.position)
        for pair in pairs
        for number in range(1, slots + 1)
    )
    return pairs


def make_gold_pairs(campaign: Campaign, n: int, grade: str = "good") -> list[Any]:
    """Add gold pairs, which have no slots until they are served, and their `GoldPair` rows."""
    first = _next_position(campaign)
    pairs = [
        _pair(
            campaign, position, purpose=Pair.Purpose.GOLD, gold_grade=grade, gold_reason="Because."
        )
        for position in range(first, first + n)
    ]
    GoldPair.objects.bulk_create(
        GoldPair(scene=pair.scene, clip=pair.clip, grade=grade, reason="Because.") for pair in pairs
    )
    return pairs


def _next_position(campaign: Campaign) -> int:
    last = campaign.pairs.order_by("-position").first()
    return last.position + 1 if last else 1


def _pair(campaign: Campaign, position: int, **fields: Any) -> Pair:
    values: dict[str, Any] = {"scene": None, "clip": None} | fields
    values["scene"] = scene = values["scene"] or make_scene()
    values["clip"] = clip = values["clip"] or make_clip()
    run = make_run(scene, campaign.matchers[0], [clip])
    pair = Pair.objects.create(campaign=campaign, position=position, **values)
    pair.matches.add(run.matches.get(clip=clip))
    return pair


def make_reviewer(user: Any = None) -> Reviewer:
    """Make a reviewer; without a user, one whose account was erased."""
    return Reviewer.objects.create(user=user)


def make_frozen_report(campaign: Campaign, **fields: Any) -> FrozenReport:
    """Freeze a report without figures."""
    data = fields.get("data", b"data")
    values: dict[str, Any] = {
        "campaign": campaign,
        "number": campaign.frozen_reports.count() + 1,
        "figures": "{}",
        "data": data,
        "digest": hashlib.sha256(data).hexdigest(),
        "code_version": "c" * 64,
        "versions": {},
        "seed": 7,
    }
    return FrozenReport.objects.create(**values | fields)
