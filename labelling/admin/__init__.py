"""Labelling in the admin, which reads it and releases leases; the pages do the rest."""

from labelling.admin.answers import AnswerAdmin, GradeAdmin, LostLeaseAdmin, SkipAdmin
from labelling.admin.campaigns import (
    AdjudicationAdmin,
    CampaignAdmin,
    FrozenReportAdmin,
    PairAdmin,
    ReopeningAdmin,
    SlotAdmin,
)
from labelling.admin.photo_sets import PhotoImportAdmin, PhotoSetAdmin, SetPhotoAdmin
from labelling.admin.references import GoldPairAdmin, GuidelineAdmin
from labelling.admin.reviewers import AdmissionAdmin, ReviewerAdmin

__all__ = [
    "AdjudicationAdmin",
    "AdmissionAdmin",
    "AnswerAdmin",
    "CampaignAdmin",
    "FrozenReportAdmin",
    "GoldPairAdmin",
    "GradeAdmin",
    "GuidelineAdmin",
    "LostLeaseAdmin",
    "PairAdmin",
    "PhotoImportAdmin",
    "PhotoSetAdmin",
    "ReopeningAdmin",
    "ReviewerAdmin",
    "SetPhotoAdmin",
    "SkipAdmin",
    "SlotAdmin",
]
