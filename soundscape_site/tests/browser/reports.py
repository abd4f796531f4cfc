"""A graded campaign for browser tests of reports: graded by two reviewers through the queue."""

from __future__ import annotations

import json
from typing import Final, cast
from uuid import UUID, uuid4

from django.utils import timezone

from accounts.models import User
from labelling.grades import Grading
from labelling.models import Campaign, Guideline
from labelling.services.answers import give_grade
from labelling.services.queue import claim_slots, reviewer_of
from labelling.tests.factories import (
    make_campaign,
    make_gold_pairs,
    make_guideline,
    make_pairs,
    make_run,
    make_set,
)
from retrieval.models import Clip, Scene
from soundscape_site.tests.browser.campaigns import make_people, make_photo
from soundscape_site.tests.browser.site import Site

PHOTOS: Final = (9, 12, 24)
PAIRS: Final = 132
SIDE_PX: Final = 240
GRADES: Final = (
    ("good", "good"), ("good", "good"), ("bad", "bad"), ("decent", "decent"), ("good", "bad"),
    ("good", "good"),
)  # fmt: skip
"""Of two reviewers, for pairs in turn; on those of the fifth they disagree."""


def give_report(site: Site, name: str, *, lead: str, reviewers: tuple[str, str]) -> int:
    """Make people and a graded, open campaign on a running site; return its key."""
    call = f"build({name!r}, lead={lead!r}, reviewers={reviewers!r})"
    code = f"from soundscape_site.tests.browser import reports; print(reports.{call})"
    said = site.manage("shell", "--verbosity", "0", "--command", code)
    made: int = json.loads(said.strip().splitlines()[-1])
    return made


def build(name: str, *, lead: str, reviewers: tuple[str, str]) -> int:
    """Make a campaign of two matchers, and have every pair graded."""
    make_people((lead,), "lead reviewer")
    make_people(reviewers, "reviewer")
    guideline = make_guideline(
        title=f"Guideline of {name} {uuid4().hex}", version=2, published_at=None
    )
    Guideline.objects.filter(pk=guideline.pk).update(published_at=timezone.now())
    scenes = [
        make_photo(uuid4().hex, PHOTOS[number % len(PHOTOS)], SIDE_PX) for number in range(PAIRS)
    ]
    campaign = make_campaign(
        name=name,
        guideline=guideline,
        photo_set=make_set(scenes, name=f"Photos of {name}"),
        matchers=["fused", "objects"],
    )
    clips = list(Clip.objects.filter(removed_in__isnull=True).order_by("duration_s")[:8])
    for number, scene in enumerate(scenes):
        _pairs_of(
            campaign, scene, clips[number % 6], clips[6 + number % 2] if number < 12 else None
        )
    make_gold_pairs(campaign, 1)
    for number, reviewer in enumerate(reviewers):
        _grade_all(campaign, reviewer, number)
    return campaign.pk


def _pairs_of(campaign: Campaign, scene: Scene, clip: Clip, other: Clip | None) -> None:
    """Add the pair of a photo that both matchers found, or one of each if there is another."""
    (pair,) = make_pairs(campaign, 1, 2, scene=scene, clip=clip)
    if other is None:
        pair.matches.add(make_run(scene, "objects", [clip]).matches.get())
        return
    (second,) = make_pairs(campaign, 1, 2, scene=scene, clip=other)
    second.matches.set(make_run(scene, "objects", [other]).matches.all())


def _grade_all(campaign: Campaign, name: str, number: int) -> None:
    reviewer = reviewer_of(user_id=User.objects.get(username=name).pk)
    while slots := claim_slots(reviewer_id=reviewer.pk, campaign_id=campaign.pk, wanted=1):
        (slot,) = slots
        grade = GRADES[slot.position % len(GRADES)][number]
        give_grade(
            answer_id=uuid4(),
            reviewer_id=reviewer.pk,
            token=cast("UUID", slot.token),
            grade=grade,
            faults=["place"] if grade == Grading.BAD else [],
            listened_s=9.0,
            heard_to_end=True,
            took_s=9.0,
        )
