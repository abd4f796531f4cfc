"""The models of labelling."""

from labelling.models.answers import Answer, Grade, Skip
from labelling.models.campaigns import (
    LARGEST_SAMPLE,
    MOST_RANKS,
    STEPS,
    Campaign,
    CampaignState,
    Design,
    Stratum,
)
from labelling.models.guidelines import GoldPair, Guideline, GuidelineExample
from labelling.models.pairs import Adjudication, LostLease, Pair, PairState, Reopening, Slot
from labelling.models.photo_sets import PhotoImport, PhotoImportItem, PhotoSet, SetPhoto
from labelling.models.reports import CITED_DIGITS, FrozenReport
from labelling.models.reviewers import Admission, Reviewer

__all__ = [
    "CITED_DIGITS",
    "LARGEST_SAMPLE",
    "MOST_RANKS",
    "STEPS",
    "Adjudication",
    "Admission",
    "Answer",
    "Campaign",
    "CampaignState",
    "Design",
    "FrozenReport",
    "GoldPair",
    "Grade",
    "Guideline",
    "GuidelineExample",
    "LostLease",
    "Pair",
    "PairState",
    "PhotoImport",
    "PhotoImportItem",
    "PhotoSet",
    "Reopening",
    "Reviewer",
    "SetPhoto",
    "Skip",
    "Slot",
    "Stratum",
]
