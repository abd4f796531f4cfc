"""Labelling in the admin, which only reads it: the pages change it, by their rules."""

from labelling.admin.answers import AnswerAdmin, GradeAdmin, SkipAdmin
from labelling.admin.campaigns import (
    AdjudicationAdmin,
    CampaignAdmin,
    FrozenReportAdmin,
    PairAdmin,
    ReviewerAdmin,
    SlotAdmin,
)
from labelling.admin.photo_sets import PhotoImportAdmin, PhotoSetAdmin, SetPhotoAdmin
from labelling.admin.references import GoldPairAdmin, GuidelineAdmin

__all__ = [
    "AdjudicationAdmin",
    "AnswerAdmin",
    "CampaignAdmin",
    "FrozenReportAdmin",
    "GoldPairAdmin",
    "GradeAdmin",
    "GuidelineAdmin",
    "PairAdmin",
    "PhotoImportAdmin",
    "PhotoSetAdmin",
    "ReviewerAdmin",
    "SetPhotoAdmin",
    "SkipAdmin",
    "SlotAdmin",
]
