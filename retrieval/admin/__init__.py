"""The admin of recordings, imports, photos and overrides; most of it is read-only."""

from retrieval.admin.clips import ClipAdmin
from retrieval.admin.imports import ImportItemAdmin, LibraryImportAdmin
from retrieval.admin.jobs import LibraryProfilingAdmin, ProfileFailureAdmin, SceneAdmin
from retrieval.admin.matching import HeardOverrideAdmin, PhotoBankAdmin
from retrieval.admin.thumbs import ThumbAdmin

__all__ = [
    "ClipAdmin",
    "HeardOverrideAdmin",
    "ImportItemAdmin",
    "LibraryImportAdmin",
    "LibraryProfilingAdmin",
    "PhotoBankAdmin",
    "ProfileFailureAdmin",
    "SceneAdmin",
    "ThumbAdmin",
]
