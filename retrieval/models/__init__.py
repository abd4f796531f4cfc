"""Database models: recordings, photos, their profiles, and the matches between them."""

from retrieval.models.clips import Clip, ClipAbsence, ClipProfile, ClipWindow, ImportItem
from retrieval.models.deletion import DeletedScene, DiscardedFile
from retrieval.models.exports import DataExport
from retrieval.models.imports import LibraryImport
from retrieval.models.jobs import MAX_ATTEMPTS, Job, JobState
from retrieval.models.library import Library, LibrarySnapshot, Space
from retrieval.models.profiling import LibraryProfiling, ProfileFailure
from retrieval.models.rematching import SceneRematch
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
from retrieval.models.stored_rows import RowSet, StoredPoint, StoredRow
from retrieval.models.tallies import UploadTally
from retrieval.models.thumbs import Thumb
from retrieval.models.webhooks import (
    MOST_DELIVERY_ATTEMPTS,
    TEST_EVENT,
    DeliveryState,
    DisabledReason,
    Webhook,
    WebhookDelivery,
    WebhookEvent,
)

__all__ = [
    "MAX_ATTEMPTS",
    "MOST_DELIVERY_ATTEMPTS",
    "TEST_EVENT",
    "BankMoments",
    "Clip",
    "ClipAbsence",
    "ClipProfile",
    "ClipWindow",
    "DataExport",
    "DeletedScene",
    "DeliveryState",
    "DisabledReason",
    "DiscardedFile",
    "HeardOverride",
    "ImportItem",
    "Job",
    "JobState",
    "Library",
    "LibraryImport",
    "LibraryProfiling",
    "LibrarySnapshot",
    "Match",
    "MatchDivergence",
    "MatchRun",
    "PhotoBank",
    "ProfileFailure",
    "RowSet",
    "Scene",
    "SceneHold",
    "SceneProfile",
    "SceneRematch",
    "SceneReport",
    "Space",
    "StoredPoint",
    "StoredRow",
    "Thumb",
    "UploadTally",
    "Visibility",
    "Webhook",
    "WebhookDelivery",
    "WebhookEvent",
]
