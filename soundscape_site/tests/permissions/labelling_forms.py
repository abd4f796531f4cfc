"""Valid forms of labelling: their address, who sends them, and their fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from labelling.models import (
    Adjudication,
    Admission,
    Answer,
    Campaign,
    FrozenReport,
    GoldPair,
    Grade,
    Guideline,
    GuidelineExample,
    Pair,
    PhotoImport,
    PhotoSet,
    Reopening,
    SetPhoto,
    Skip,
    Slot,
)
from labelling.services.drawing import preview
from retrieval.tests.photos import png
from soundscape_site.tests.permissions.labelling import LabellingRows

_DESIGN: Final = {
    "name": "A design", "photo_set": "{photo_set}", "matchers": ["fused"], "ranks": "1",
    "design": "simple", "size": "10", "seed": "5", "guideline": "{guideline}",
    "graders_per_pair": "2", "gold_share": "0", "qualification_pairs": "0",
    "qualification_share": "0.8",
}  # fmt: skip
_CHOSEN: Final = {
    "photo": "{draft_photo}", "clip": "{draft_clip}", "grade": "good", "reason": "Just right.",
}  # fmt: skip
_CREDIT: Final = {"license": "CC0-1.0", "author": "Ada", "source_url": ""}

Forms = list[tuple[str, str, Mapping[str, Any]]]
LABELLING_FORMS: Final[Forms] = [
    ("/photo-sets/", "lead", {"name": "A new set", "purpose": "Try", "source": "imported"}),
    ("/photo-sets/{photo_set}/upload/", "lead", {"files": png, **_CREDIT}),
    ("/photo-sets/{visitors_set}/refresh/", "lead", {}),
    ("/photo-sets/{photo_set}/delete/", "lead", {}),
    ("/photo-sets/{photo_set}/photos/{set_photo}/remove/", "lead", {}),
    ("/campaigns/new/", "lead", _DESIGN),
    ("/campaigns/{draft}/edit/", "lead", _DESIGN),
    ("/campaigns/{draft}/draw/", "lead", {"digest": "{digest}"}),
    ("/campaigns/{open}/steps/", "lead", {"step": "pause"}),
    ("/campaigns/{paused}/steps/", "lead", {"step": "resume"}),
    ("/campaigns/{open}/steps/", "lead", {"step": "close"}),
    ("/campaigns/{open}/steps/", "lead", {"step": "copy"}),
    ("/campaigns/{draft}/steps/", "lead", {"step": "delete"}),
    ("/campaigns/{open}/steps/", "lead", {"step": "raise", "graders_per_pair": "3"}),
    ("/campaigns/{open}/steps/", "lead", {"step": "release", "reviewer": "{reviewer_row}"}),
    ("/campaigns/{open}/steps/", "lead", {"step": "admit", "reviewer": "{reviewer_row}"}),
    ("/campaigns/{open}/report/freeze/", "lead", {}),
    ("/campaigns/{open}/pairs/{disputed}/adjudicate/", "lead", {"grade": "bad", "reason": "No."}),
    ("/campaigns/{open}/pairs/{settled}/reopen/", "lead", {"reason": "Again."}),
    ("/guidelines/new/", "lead", {"title": "Another", "body": "Does it fit?"}),
    ("/guidelines/{guideline_draft}/edit/", "lead", {"body": "Does it really fit?"}),
    ("/guidelines/{guideline_draft}/publish/", "lead", {}),
    ("/guidelines/{guideline_draft}/delete/", "lead", {}),
    ("/guidelines/{guideline}/versions/", "lead", {}),
    ("/guidelines/{guideline_draft}/examples/", "lead", _CHOSEN),
    ("/guidelines/{guideline_draft}/examples/{example}/remove/", "lead", {}),
    ("/gold/new/", "lead", _CHOSEN),
    ("/gold/{gold}/remove/", "lead", {}),
]

_ANSWER: Final = "00000000-0000-4000-8000-00000000000"
REVIEWERS_JSON: Final[Forms] = [
    ("/review/{open}/next/", "reviewer", {"wanted": 3}),
    ("/review/answers/", "reviewer",
     {"id": f"{_ANSWER}1", "token": "{held_token}", "kind": "grade", "grade": "decent",
      "faults": ["weather"], "listened_s": 5.0, "heard_to_end": False, "took_s": 6.0}),
    ("/review/answers/", "reviewer",
     {"id": f"{_ANSWER}2", "token": "{held_token}", "kind": "skip", "reason": "unsure"}),
    ("/review/undo/", "reviewer", {"id": f"{_ANSWER}3", "undoes": "{own_answer}"}),
    ("/review/leases/", "reviewer", {"tokens": ["{held_token}"]}),
]  # fmt: skip
"""What scripts send."""

MORE: Final[Mapping[str, Any]] = {
    "lead_id": "1", "made_by": "1", "made_at": "2020-01-01", "drawn_at": "2020-01-01",
    "closed_at": "2020-01-01", "draw_digest": "0" * 64, "frame_units": "1", "version": "9",
    "published_at": "2020-01-01", "archive": "x", "requested_by": "1", "total": "1",
    "figures": "{}", "data": "x", "digest": "0" * 64, "code_version": "x", "versions": "{}",
    "pair": "1", "campaign": "1", "campaign_id": "1", "position": "1", "stratum": "x",
    "inclusion_probability": "1", "gold_grade": "bad", "gold_reason": "x", "reviewer_id": "1",
    "number": "1", "leased_until": "2100-01-01", "lead": "1", "revoked_at": "2020-01-01", "at": "x",
}  # fmt: skip
"""Columns that no form has."""

LABELLING_GUARDED: Final[Mapping[Any, tuple[str, ...]]] = {
    Campaign: (
        "name", "state", "photo_set__name", "guideline__title", "seed", "size", "design",
        "made_by__username", "frame_units", "draw_digest", "graders_per_pair",
    ),
    Pair: ("campaign__name", "position", "purpose", "state", "stratum", "inclusion_probability"),
    Slot: ("campaign__name", "position", "number", "state", "reviewer__user__username"),
    Answer: ("id", "pair__position", "reviewer__user__username", "kind"),
    Grade: (
        "pair__position", "reviewer__user__username", "grade", "faults", "listened_s", "took_s",
        "guideline__title",
    ),
    Skip: ("pair__position", "reviewer__user__username", "reason"),
    Adjudication: ("pair__position", "grade", "reason", "lead__username"),
    Reopening: ("pair__position", "reason", "lead__username"),
    Admission: ("campaign__name", "reviewer__user__username", "lead__username"),
    Guideline: ("title", "version", "body", "made_by__username"),
    GuidelineExample: ("guideline__title", "guideline__version", "grade", "why"),
    GoldPair: ("clip", "grade", "reason", "made_by__username"),
    FrozenReport: (
        "campaign__name", "number", "made_by__username", "figures", "digest", "code_version",
        "versions", "seed",
    ),
    PhotoSet: ("name", "purpose", "source", "made_by__username"),
    SetPhoto: ("photo_set__name", "name", "license", "author"),
    PhotoImport: ("photo_set__name", "state", "license", "author", "requested_by__username"),
}  # fmt: skip


def labelling_names(rows: LabellingRows) -> dict[str, object]:
    """Return what stands for the objects in addresses and fields."""
    return {
        **{state: campaign.pk for state, campaign in rows.campaigns.items()},
        "digest": preview(campaign_id=rows.campaigns["draft"].pk).digest,
        "draft_photo": rows.draft_photo.pk,
        "draft_clip": rows.draft_clip.pk,
        "disputed": rows.disputed.pk,
        "settled": rows.settled.pk,
        "gold": rows.gold.pk,
        "guideline": rows.guideline.pk,
        "guideline_draft": rows.draft.pk,
        "example": rows.example.pk,
        "photo_set": rows.photo_set.pk,
        "visitors_set": rows.visitors_set.pk,
        "set_photo": rows.set_photo.pk,
        "reviewer_row": rows.reviewer.pk,
        "held_token": rows.held.token,
        "own_answer": rows.own_answer.pk,
    }
