"""Lend pairs to programs of reviewers, and take their answers.

An answer has an id that the program makes, so none of these needs the header Idempotency-Key.
"""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.schema import operation
from accounts.scopes import Scope
from labelling.api.campaigns import shown_progress
from labelling.api.grading_serializers import (
    GradeInputSerializer,
    HeldLeasesInputSerializer,
    HeldLeasesSerializer,
    KeptAnswerSerializer,
    LeasedPairsSerializer,
    SkipInputSerializer,
    UndoInputSerializer,
    UndoneAnswerSerializer,
    WantedPairsSerializer,
)
from labelling.api.views import LabellingView
from labelling.models import Answer, Campaign, Slot
from labelling.services.answers import give_grade, skip_pair, undo
from labelling.services.queue import claim_slots, renew_leases, reviewer_of
from labelling.views.desk import desk_progress


class GradingView(LabellingView):
    """A view of a reviewer who acts."""

    scopes: ClassVar = {"POST": Scope.LABELS_WRITE}

    def pair(self, slot: Slot) -> dict[str, Any]:
        """Return a pair as `LeasedPairSerializer` reads it."""
        return {
            "token": slot.token,
            "slot": slot,
            "photo": self.address("lease_photo", slot.token),
            "sound": self.address("lease_sound", slot.token),
        }

    def progress(
        self, reviewer_id: int, campaign: Campaign, *, recount: bool = False
    ) -> dict[str, Any]:
        """Return the progress in a campaign, counted as often as for the page."""
        return shown_progress(
            desk_progress(reviewer_id=reviewer_id, campaign=campaign, recount=recount)
        )

    def kept(self, answer: Answer) -> Response:
        """Answer 201, or 200 if the same was sent before."""
        progress = self.progress(answer.reviewer_id, answer.pair.campaign)
        return Response(
            self.present(KeptAnswerSerializer, {"id": answer.pk, "progress": progress}),
            status=status.HTTP_200_OK if answer.is_repeated else status.HTTP_201_CREATED,
        )


class NextPairsView(GradingView):
    """The pairs that a reviewer holds."""

    @operation(
        operation_id="campaign_next",
        summary="Borrow pairs to grade",
        description=(
            "Lends you pairs for ten minutes. Those that were lent before come first, renewed, so "
            "the same request again gives the same pairs. Not admitted: 403 `not_qualified`. "
            "Paused or closed: 409 `campaign_closed`. Others are just being given pairs: 503 "
            "`busy`; repeat it."
        ),
        body=WantedPairsSerializer,
        answers={200: LeasedPairsSerializer},
        problems=(404, 409),
        tag="Grading",
    )
    def post(self, request: Request, campaign_id: int) -> Response:
        """Lend pairs."""
        campaign = self.campaign_to_grade(campaign_id)
        wanted = self.sent(WantedPairsSerializer)["wanted"]
        reviewer = reviewer_of(user_id=self.owner.pk)
        slots = claim_slots(reviewer_id=reviewer.pk, campaign_id=campaign_id, wanted=wanted)
        shown = {
            "pairs": [self.pair(slot) for slot in slots],
            "progress": self.progress(reviewer.pk, campaign, recount=not slots),
        }
        return Response(self.present(LeasedPairsSerializer, shown))


class LeasesView(GradingView):
    """The leases of a reviewer."""

    @operation(
        operation_id="leases_renew",
        summary="Renew leases",
        description="Those that are still yours last ten more minutes; others are left out.",
        body=HeldLeasesInputSerializer,
        answers={200: HeldLeasesSerializer},
        tag="Grading",
    )
    def post(self, request: Request) -> Response:
        """Renew leases."""
        tokens = self.sent(HeldLeasesInputSerializer)["tokens"]
        reviewer = reviewer_of(user_id=self.owner.pk)
        held = renew_leases(reviewer_id=reviewer.pk, tokens=list(dict.fromkeys(tokens)))
        return Response(self.present(HeldLeasesSerializer, {"tokens": held}))


class GradesView(GradingView):
    """Grades of a reviewer."""

    @operation(
        operation_id="grades_create",
        summary="Grade a pair",
        description=(
            "201 the first time; 200 if the same grade is sent again with its id, which changes "
            "nothing. Refusals, after which nothing is kept: 404 `not_found` if the pair was never "
            "lent to you; 409 `assignment_expired` if others have it or you answered it before, "
            "`pair_withdrawn`, `campaign_closed`, `listened_too_short`; 422 `answer_invalid` if "
            "the id is that of another answer."
        ),
        body=GradeInputSerializer,
        answers={201: KeptAnswerSerializer, 200: KeptAnswerSerializer},
        problems=(404, 409, 422),
        tag="Grading",
    )
    def post(self, request: Request) -> Response:
        """Keep a grade."""
        given = self.sent(GradeInputSerializer)
        answer = give_grade(
            answer_id=given["id"],
            reviewer_id=reviewer_of(user_id=self.owner.pk).pk,
            token=given["lease"],
            grade=given["grade"],
            faults=given["faults"],
            listened_s=given["listened_s"],
            heard_to_end=given["heard_to_end"],
            took_s=given["took_s"],
        )
        return self.kept(answer)


class SkipsView(GradingView):
    """Skips of a reviewer."""

    @operation(
        operation_id="skips_create",
        summary="Skip a pair",
        description=(
            "The pair goes to other reviewers. 201 the first time, 200 if the same is sent again; "
            "refused as a grade is."
        ),
        body=SkipInputSerializer,
        answers={201: KeptAnswerSerializer, 200: KeptAnswerSerializer},
        problems=(404, 409, 422),
        tag="Grading",
    )
    def post(self, request: Request) -> Response:
        """Keep a skip."""
        given = self.sent(SkipInputSerializer)
        answer = skip_pair(
            answer_id=given["id"],
            reviewer_id=reviewer_of(user_id=self.owner.pk).pk,
            token=given["lease"],
            reason=given["reason"],
        )
        return self.kept(answer)


class UndosView(GradingView):
    """Answers that a reviewer takes back."""

    @operation(
        operation_id="undos_create",
        summary="Take an answer back",
        description=(
            "The pair is lent to you again. The same id again changes nothing. Refused with 409 "
            "`cannot_undo` if it was undone already, if others have the pair or have decided about "
            "it meanwhile, if it is one of the first answers, which admit you, or if the campaign "
            "is closed; 409 `pair_withdrawn`; 422 `answer_invalid` if the id is that of another "
            "answer."
        ),
        body=UndoInputSerializer,
        answers={200: UndoneAnswerSerializer},
        problems=(409, 422),
        tag="Grading",
    )
    def post(self, request: Request) -> Response:
        """Undo a grade or a skip."""
        given = self.sent(UndoInputSerializer)
        reviewer = reviewer_of(user_id=self.owner.pk)
        slot = undo(answer_id=given["id"], reviewer_id=reviewer.pk, undoes=given["undoes"])
        shown = {
            "id": given["id"],
            "progress": self.progress(reviewer.pk, slot.campaign),
            "pair": self.pair(slot),
        }
        return Response(self.present(UndoneAnswerSerializer, shown))
