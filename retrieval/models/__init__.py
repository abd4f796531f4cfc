"""Database models: recordings, photos, their profiles, and the matches between them."""

from retrieval.models.clips import Clip, ClipProfile, ClipWindow, ImportItem
from retrieval.models.deletion import DeletedScene, DiscardedFile
from retrieval.models.exports import DataExport
from retrieval.models.imports import LibraryImport
from retrieval.models.jobs import MAX_ATTEMPTS, Job, JobState
from retrieval.models.library import Library, Space
from retrieval.models.profiling import LibraryProfiling, ProfileFailure
from retrieval.models.reports import SceneReport
from retrieval.models.scenes import (
    Match,
    MatchDivergence,
    MatchRun,
    Scene,
    SceneHold,
    SceneProfile,
    Visibility,
)
from retrieval.models.site_recipe import BankMoments, HeardOverride, PhotoBank
from retrieval.models.tallies import UploadTally
from retrieval.models.thumbs import Thumb

__all__ = [
    "MAX_ATTEMPTS",
    "BankMoments",
    "Clip",
    "ClipProfile",
    "ClipWindow",
    "DataExport",
    "DeletedScene",
    "DiscardedFile",
    "HeardOverride",
    "ImportItem",
    "Job",
    "JobState",
    "Library",
    "LibraryImport",
    "LibraryProfiling",
    "Match",
    "MatchDivergence",
    "MatchRun",
    "PhotoBank",
    "ProfileFailure",
    "Scene",
    "SceneHold",
    "SceneProfile",
    "SceneReport",
    "Space",
    "Thumb",
    "UploadTally",
    "Visibility",
]
