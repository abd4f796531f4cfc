"""Rows of labelling: campaigns, pairs that reviewers hold or have graded, guidelines, a photo set.

What reviewers may not learn is written in texts and numbers that stand nowhere else.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

from django.utils import timezone

from accounts.models import User
from labelling.grades import Fault, Grading, SkipReason
from labelling.models import (
    Adjudication,
    Admission,
    Answer,
    Campaign,
    CampaignState,
    FrozenReport,
    GoldPair,
    Grade,
    GuidelineExample,
    LostLease,
    Pair,
    PairState,
    PhotoImport,
    PhotoImportItem,
    PhotoSet,
    Reopening,
    Reviewer,
    Skip,
    Slot,
)
from labelling.reporting.figures import make_report
from labelling.reporting.report_json import to_json
from labelling.reporting.row_lines import frozen
from labelling.tests.factories import (
    make_campaign,
    make_clip,
    make_frozen_report,
    make_guideline,
    make_reviewer,
    make_run,
    make_scene,
    make_set,
)
from labelling.tests.report_examples import make_rows
from retrieval.engine.matching.strength import Strength
from retrieval.models import Clip, Scene

SECRET: Final = "not-for-reviewers"
"""Begins each text that reviewers may not see."""

_FIRST_ID: Final = 760_318_000  # keys that occur as no other number
_GUIDELINE: Final = "Does the sound fit?"


class LabellingRows:
    """A running campaign and one of each state, as seen by a reviewer and by others.

    Parameters
    ----------
    reviewer, other : User
        Two reviewers; each holds a pair and has graded one.
    lead : User
        A lead reviewer.
    photo, recording : str
        Stored files.
    """

    def __init__(
        self, *, reviewer: User, other: User, lead: User, photo: str, recording: str
    ) -> None:
        self.secrets: set[str] = {SECRET}
        self._ids = iter(range(_FIRST_ID, _FIRST_ID + 1000))
        self._photo, self._recording = photo, recording
        self.lead = lead
        self.reviewer, self.other = make_reviewer(reviewer), make_reviewer(other)
        self._guidelines()
        self._campaigns()
        self._pairs()
        self._imports()
        self.frozen = {state: self._frozen(self.campaigns[state]) for state in ("open", "closed")}

    def _guidelines(self) -> None:
        self.guideline = make_guideline(title="Guideline", body=_GUIDELINE, published_at=None)
        self.draft = make_guideline(
            title=f"{SECRET}-draft", body=f"{SECRET}-guideline", published_at=None
        )
        self.example = GuidelineExample.objects.create(
            guideline=self.draft,
            scene=make_scene(photo=self._photo),
            clip=make_clip(original=self._recording),
            grade=Grading.GOOD,
            why=f"{SECRET}-why",
        )
        self.shown_example = GuidelineExample.objects.create(
            guideline=self.guideline,
            scene=make_scene(photo=self._photo),
            clip=make_clip(original=self._recording),
            grade=Grading.BAD,
            why="Wrong place.",
        )
        self.guideline.published_at = timezone.now()
        self.guideline.save()

    def _campaigns(self) -> None:
        """Make a campaign in each state; the draft can be drawn."""
        self.draft_photo, self.draft_clip = self._scene(), self._clip()
        make_run(self.draft_photo, "fused", [self.draft_clip])
        self.campaigns = {
            state.value: make_campaign(
                name=f"{state.label} campaign",
                state=state,
                guideline=self.guideline,
                photo_set=make_set(
                    [self.draft_photo] if state == CampaignState.DRAFT else [],
                    name=f"{SECRET}-set-{state.value}",
                ),
                seed=next(self._ids),
            )
            for state in CampaignState
        }
        for campaign in self.campaigns.values():
            self.secrets.add(str(campaign.seed))
        self.open = self.campaigns["open"]

    def _pairs(self) -> None:
        """Add pairs to the open campaign, and one to the closed one."""
        self.held = self._lend(self._pair(), self.reviewer)
        self.held_gold = self._lend(self._gold_pair(), self.reviewer)
        self.of_another = self._lend(self._pair(), self.other)
        self.free = [self._pair() for _ in range(3)]
        for pair in self.free:
            self._slot(pair)
        self.graded = self._slot(self._pair(state=PairState.DISPUTED))
        self._grade(self.graded, self.reviewer, Grading.GOOD)
        self._grade(self._slot(self.graded.pair), self.other, Grading.BAD)
        self.disputed = self.graded.pair
        self._grade(self._slot(self.held.pair), self.other, Grading.DECENT)
        self.own_answer = self._grade(self._slot(self._pair()), self.reviewer, Grading.GOOD)
        self._skip(self.free[0], self.other)
        self.settled = self._pair(state=PairState.SETTLED)
        self._grade(self._slot(self.settled), self.other, Grading.BAD)
        Adjudication.objects.create(
            pair=self.settled, lead=self.lead, grade=Grading.BAD, reason=f"{SECRET}-adjudication"
        )
        Reopening.objects.create(pair=self.free[1], lead=self.lead, reason=f"{SECRET}-reopening")
        LostLease.objects.create(token=uuid4(), pair=self.free[2], reviewer=self.other)
        Admission.objects.create(campaign=self.open, reviewer=self.other, lead=self.lead)
        self.foreign_pair = self._pair(campaign=self.campaigns["closed"])

    def _pair(self, *, campaign: Campaign | None = None, **fields: Any) -> Pair:
        campaign = campaign or self.open
        pk = next(self._ids)
        scene, clip = self._scene(), self._clip()
        run = make_run(scene, "fused", [clip], strength=Strength.STRONG)
        run.matches.update(score=-pk - 0.25, explained=0.765625, standard=pk + 0.5)
        values = {"purpose": Pair.Purpose.SAMPLE, "inclusion_probability": 0.140625} | fields
        pair = Pair.objects.create(
            pk=pk, campaign=campaign, position=pk, scene=scene, clip=clip,
            stratum=f"{SECRET}-stratum", **values,
        )  # fmt: skip
        pair.matches.set(run.matches.all())
        self.secrets |= {
            str(pk), str(scene.pk), scene.pk.hex, scene.photo_sha256, clip.sha256, str(clip.pk),
            "0.765625", "0.140625",
        }  # fmt: skip
        return pair

    def _gold_pair(self) -> Pair:
        pair = self._pair(
            purpose=Pair.Purpose.GOLD,
            inclusion_probability=None,
            gold_grade=Grading.GOOD,
            gold_reason=f"{SECRET}-gold",
        )
        self.gold = GoldPair.objects.create(
            scene=Scene.objects.get(pairs=pair),
            clip=pair.clip,
            grade=Grading.GOOD,
            reason=f"{SECRET}-gold",
        )
        return pair

    def _scene(self) -> Scene:
        return make_scene(photo=self._photo, title=f"{SECRET}-photo-title")

    def _clip(self) -> Clip:
        return make_clip(
            pk=next(self._ids), original=self._recording, license="CC-Sampling+",
            **{name: f"{SECRET}-{name}" for name in ("title", "author", "path", "collection")},
            tags=[f"{SECRET}-tag"], sound_tags=[f"{SECRET}-sound"],
            source_url=f"https://{SECRET}.example/",
        )  # fmt: skip

    def _slot(self, pair: Pair) -> Slot:
        number = pair.slots.count() + 1
        return Slot.objects.create(
            pk=next(self._ids), pair=pair, campaign=pair.campaign, position=pair.position,
            number=number,
        )  # fmt: skip

    def _lend(self, pair: Pair, reviewer: Reviewer) -> Slot:
        slot = self._slot(pair)
        slot.state, slot.reviewer, slot.token = Slot.State.LEASED, reviewer, uuid4()
        slot.leased_until = timezone.now() + timedelta(minutes=10)
        slot.save()
        return slot

    def _grade(self, slot: Slot, reviewer: Reviewer, grade: Grading) -> Answer:
        slot.state, slot.reviewer, slot.token = Slot.State.DONE, reviewer, uuid4()
        slot.save()
        answer = Answer.objects.create(
            id=uuid4(), pair=slot.pair, reviewer=reviewer, kind=Answer.Kind.GRADE
        )
        pk = next(self._ids)
        faults = [] if grade == Grading.GOOD else [Fault.MUSIC]
        listened_s, took_s = (4711.625, 4712.375) if reviewer == self.other else (12.0, 13.0)
        Grade.objects.create(
            pk=pk, pair=slot.pair, reviewer=reviewer, answer=answer, guideline=self.guideline,
            grade=grade, faults=faults, listened_s=listened_s, took_s=took_s,
        )  # fmt: skip
        if reviewer == self.other:
            self.secrets |= {str(pk), str(answer.pk), "4711.625", "4712.375", str(slot.token)}
        return answer

    def _skip(self, pair: Pair, reviewer: Reviewer) -> None:
        answer = Answer.objects.create(
            id=uuid4(), pair=pair, reviewer=reviewer, kind=Answer.Kind.SKIP
        )
        Skip.objects.create(
            pair=pair, reviewer=reviewer, answer=answer, reason=SkipReason.OFFENSIVE
        )
        self.secrets.add(str(answer.pk))

    def _frozen(self, campaign: Campaign) -> FrozenReport:
        """Freeze a report; that of the running campaign tells what reviewers may not learn."""
        is_secret = campaign.state != CampaignState.CLOSED
        name = f"{SECRET}-report" if is_secret else campaign.name
        rows = make_rows(pairs=20, name=name)
        return make_frozen_report(
            campaign, figures=to_json(make_report(rows)), data=frozen(rows), made_by=self.lead
        )

    def _imports(self) -> None:
        self.photo_set = make_set([self._scene()], name=f"{SECRET}-set")
        self.visitors_set = make_set(name=f"{SECRET}-visitors", source=PhotoSet.Source.VISITORS)
        self.set_photo = self.photo_set.photos.get()
        self.photo_import = PhotoImport.objects.create(
            photo_set=self.photo_set, requested_by=self.lead, file_name=f"{SECRET}.zip"
        )
        PhotoImportItem.objects.create(
            photo_import=self.photo_import, path=f"{SECRET}.jpg", outcome="failed", code="x"
        )
