"""The site's side of the simulated campaign, run in `manage.py shell`: rows, and what they show."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import Any, Final, cast

from django.contrib.auth.models import Group
from django.db.models.fields.files import FieldFile

from accounts.roles import Role
from benchmarks.labelling_rows import make_reviewers
from benchmarks.simulated_campaign import SET, fingerprint
from labelling.models import Campaign, Pair, PhotoSet, SetPhoto
from labelling.selectors.pairs import pairs_with_lead
from labelling.services.campaigns import make_campaign
from labelling.services.drawing import open_campaign, preview
from labelling.services.guidelines import make_guideline, publish_guideline
from retrieval.catalogue.benchmark_truth import load_truth
from retrieval.models import JobState, Scene

RANKS: Final = 5
SEED: Final = 1
_GUIDELINE: Final = "The ground truth of `bench_retrieval` decides; no human listens."


def open_simulation() -> None:
    """Open the campaign when all photos are matched; print what the graders need as JSON."""
    photo_set = PhotoSet.objects.get(name=SET)
    scenes = Scene.objects.filter(set_photos__photo_set=photo_set)
    while scenes.exclude(state=JobState.DONE).exists():
        time.sleep(0.5)
    lead, *reviewers = [row.user for row in make_reviewers(3) if row.user]
    Group.objects.get(name=Role.LEAD_REVIEWER).user_set.add(lead)
    guideline = make_guideline(title="Simulation", body=_GUIDELINE, lead_id=lead.pk)
    publish_guideline(guideline_id=guideline.pk, lead_id=lead.pk)
    campaign = make_campaign(
        lead_id=lead.pk, name="Simulation", photo_set=photo_set, guideline=guideline,
        matchers=["fused", "paper"], ranks=RANKS, size=RANKS * scenes.count(), seed=SEED,
        graders_per_pair=Decimal(2),
    )  # fmt: skip
    draw = preview(campaign_id=campaign.pk)
    open_campaign(campaign_id=campaign.pk, digest=draw.digest, lead_id=lead.pk)
    print(json.dumps({
        "campaign": campaign.pk, "lead": lead.username, "pairs": len(draw.pairs),
        "reviewers": [one.username for one in reviewers], "truth": _truth_by_content(campaign),
    }))  # fmt: skip


def _truth_by_content(campaign: Campaign) -> dict[str, str]:
    """Return the grade of each pair by what a reviewer gets: photo and sound."""
    names = dict[Any, str](SetPhoto.objects.values_list("scene", "name"))
    found = {}
    pairs = Pair.objects.filter(campaign=campaign, scene__isnull=False)
    for pair in pairs.select_related("scene", "clip"):
        files = cast("Scene", pair.scene).photo, pair.clip.preview or pair.clip.original
        shown = " ".join(fingerprint(_content(file)) for file in files)
        found[shown] = _grade(names[pair.scene_id], pair.clip.path)
    return found


def waiting_pairs(campaign_id: int) -> None:
    """Print the pairs that wait for a lead, each with its true grade, as JSON."""
    names = dict[Any, str](SetPhoto.objects.values_list("scene", "name"))
    print(json.dumps({
        pair.pk: _grade(names[pair.scene_id], pair.clip.path)
        for pair in pairs_with_lead(campaign_id)
    }))  # fmt: skip


def _grade(photo: str, recording: str) -> str:
    return load_truth().grades_of(photo, [recording])[0].name.lower()


def _content(file: FieldFile) -> str:
    with file.open() as stream:
        return str(stream.read().decode(errors="replace"))
