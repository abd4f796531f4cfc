"""Campaigns, for programs of reviewers and of leads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.schema import operation, page_serializer
from accounts.api.serializers import QuerySerializer
from accounts.scopes import Scope
from labelling.api.campaign_serializers import (
    MEANINGS,
    CampaignDetailSerializer,
    CampaignFullProgressSerializer,
    CampaignListQuerySerializer,
    CampaignSerializer,
)
from labelling.api.views import LabellingView
from labelling.models import Campaign, GuidelineExample
from labelling.selectors.campaign_list import rows_of_campaigns
from labelling.selectors.desk import examples_by_grade
from labelling.selectors.progress import campaign_progress
from labelling.selectors.queue import queue_entries
from labelling.selectors.visible_campaigns import visible_campaigns
from labelling.services.queue import LEASE
from labelling.views.desk import DeskProgress, desk_progress, desk_progresses


class CampaignsView(LabellingView):
    """The list of campaigns."""

    scopes: ClassVar = {"GET": Scope.LABELS_READ}
    query: ClassVar = {"GET": CampaignListQuerySerializer}

    @operation(
        operation_id="campaigns_list",
        summary="List campaigns",
        description=(
            "Reviewers get the campaigns that are open or paused, and the closed ones in which "
            "they graded; lead reviewers get all. The newest is first."
        ),
        answers={200: page_serializer(CampaignSerializer)},
        query=CampaignListQuerySerializer,
        tag="Grading",
    )
    def get(self, request: Request) -> Response:
        """Answer a page of campaigns."""
        campaigns = visible_campaigns(
            self.reviewer_id, leads=self.leads, state=self.parameters.get("state")
        )
        return self.present_page(
            CampaignSerializer, campaigns, order=("-made_at", "-id"), prepare=self._shown
        )

    def _shown(self, campaigns: Sequence[Campaign]) -> list[dict[str, Any]]:
        return shown_campaigns(campaigns, self.reviewer_id, leads=self.leads)


class CampaignView(LabellingView):
    """One campaign."""

    scopes: ClassVar = {"GET": Scope.LABELS_READ}
    query: ClassVar = {"GET": QuerySerializer}

    @operation(
        operation_id="campaign_get",
        summary="Get a campaign with its guideline",
        description="Also what a grade, its faults and a skip can be.",
        answers={200: CampaignDetailSerializer},
        query=QuerySerializer,
        problems=(404,),
        tag="Grading",
    )
    def get(self, request: Request, campaign_id: int) -> Response:
        """Answer the campaign."""
        campaign = self.visible_campaign(campaign_id)
        (shown,) = shown_campaigns([campaign], self.reviewer_id, leads=self.leads)
        shown["guideline"] = self._guideline(campaign)
        shown["minimum_listening_s"] = settings.SOUNDSCAPE_MINIMUM_LISTEN_S
        shown["lease_s"] = int(LEASE.total_seconds())
        for name, choices in MEANINGS.items():
            shown[name] = [{"value": one, "meaning": words} for one, words in choices]
        return Response(self.present(CampaignDetailSerializer, shown))

    def _guideline(self, campaign: Campaign) -> dict[str, Any]:
        guideline = campaign.guideline
        groups = examples_by_grade(guideline.pk)
        return {
            "title": guideline.title,
            "version": guideline.version,
            "body": guideline.body,
            "examples": [self._example(one) for group in groups for one in group.examples],
        }

    def _example(self, example: GuidelineExample) -> dict[str, Any]:
        return {
            "grade": example.grade,
            "why": example.why,
            "photo": self.address("example_photo", example.pk),
            "sound": self.address("example_sound", example.pk),
            "scene": example.scene,
            "clip": example.clip,
        }


class CampaignProgressView(LabellingView):
    """How far a campaign is."""

    scopes: ClassVar = {"GET": Scope.LABELS_READ}
    query: ClassVar = {"GET": QuerySerializer}

    @operation(
        operation_id="campaign_progress",
        summary="Get the progress of a campaign",
        answers={200: CampaignFullProgressSerializer},
        query=QuerySerializer,
        problems=(404,),
        tag="Grading",
    )
    def get(self, request: Request, campaign_id: int) -> Response:
        """Answer the progress of the key's owner and of the campaign."""
        campaign = self.visible_campaign(campaign_id)
        progress = desk_progress(reviewer_id=self.reviewer_id, campaign=campaign, recount=True)
        shown = shown_progress(progress)
        if self.leads:
            shown["work"] = campaign_progress(campaign_id)
        return Response(self.present(CampaignFullProgressSerializer, shown))


def shown_campaigns(
    campaigns: Sequence[Campaign], reviewer_id: int, *, leads: bool
) -> list[dict[str, Any]]:
    """Return campaigns as `CampaignSerializer` reads them; design and counts for leads alone."""
    entries = queue_entries(reviewer_id, campaigns)
    progresses = desk_progresses(reviewer_id=reviewer_id, entries=entries)
    shown: list[dict[str, Any]] = [
        {
            "campaign": entry.campaign,
            "qualified": entry.qualified,
            "progress": shown_progress(progress),
        }
        for entry, progress in zip(entries, progresses, strict=True)
    ]
    if leads:
        for one, row in zip(shown, rows_of_campaigns(campaigns), strict=True):
            one |= {"design": row.campaign, "work": row}
    return shown


def shown_progress(progress: DeskProgress) -> dict[str, Any]:
    """Return progress as `CampaignProgressSerializer` reads it."""
    return {
        "own": {"done": progress.own_done, "total": progress.own_total},
        "campaign": {"done": progress.campaign_done, "total": progress.campaign_total},
        "with_others": progress.with_others,
    }
