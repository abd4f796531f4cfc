"""What there is of the demo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from labelling.models import Campaign, CampaignState, SetPhoto

DEMO: Final = "Demo"
"""The name of the demo's photo set, guideline and campaign."""


@dataclass(frozen=True, slots=True)
class DemoProgress:
    """The size of the demo."""

    photos: int
    pairs: int


def demo_progress() -> DemoProgress | None:
    """Return the size of the demo; None if its campaign is not drawn."""
    drawn = Campaign.objects.exclude(state=CampaignState.DRAFT).filter(name=DEMO).first()
    if drawn is None:
        return None
    return DemoProgress(photos=drawn.photo_set.photos.count(), pairs=drawn.pairs.count())


def scenes_of_set(photo_set_id: int) -> list[UUID]:
    """Return the keys of a set's photos."""
    photos = SetPhoto.objects.filter(photo_set=photo_set_id)
    return list(photos.values_list("scene_id", flat=True))
