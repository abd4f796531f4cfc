"""Store recordings with their profiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction

from retrieval.catalogue.licences import LICENCES
from retrieval.catalogue.manifest import ManifestEntry, RowProblem
from retrieval.engine.recordings.analysis import RecordingFacts
from retrieval.engine.spaces.audio_scores import AudioScores
from retrieval.engine.spaces.space import ClassSpace, HeardSpace
from retrieval.engine.vocabulary.sounds import describe
from retrieval.models import Clip, ClipProfile, ClipWindow, ImportItem
from retrieval.selectors.library import existing_sha256
from retrieval.services.library import advance_snapshot
from retrieval.storage import content_store

RECORDINGS_FOLDER: Final = "recordings"


@dataclass(frozen=True, slots=True)
class KeptFiles:
    """Names in the storage; no preview where browsers play the original."""

    original: str
    preview: str


@dataclass(frozen=True, slots=True)
class NewClip:
    """A recording that is ready to be stored, with what was heard in it by space."""

    entry: ManifestEntry
    sha256: str
    byte_size: int
    facts: RecordingFacts
    files: KeptFiles
    item: ImportItem
    hearings: Mapping[str, AudioScores]


@dataclass(frozen=True, slots=True)
class StoredClips:
    """How many were new, and how much sound they hold."""

    stored: int
    audio_seconds: float


_METADATA = (
    "path",
    "title",
    "tags",
    "author",
    "license",
    "license_url",
    "source_url",
    "collection",
)


def metadata_problem(entry: ManifestEntry) -> RowProblem | None:
    """Return what the library cannot keep of a row, before any work is spent on its file."""
    clip = Clip(**_metadata(entry))
    others = [field.name for field in Clip._meta.fields if field.name not in _METADATA]
    try:
        clip.clean_fields(exclude=others)
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        return RowProblem("metadata_invalid", f"{name}: {' '.join(messages)}")
    return None


def keep_files(file: Path, *, sha256: str, facts: RecordingFacts) -> KeptFiles:
    """Copy a recording and its preview into the storage; the format names them, not the user."""
    original = content_store.keep(
        file, folder=RECORDINGS_FOLDER, sha256=sha256, suffix=f".{facts.container}"
    )
    preview = facts.preview_path
    if preview is None:
        return KeptFiles(original, "")
    return KeptFiles(
        original,
        content_store.keep(
            preview,
            folder="previews",
            sha256=content_store.sha256_of(preview),
            suffix=preview.suffix,
        ),
    )


def update_metadata(clip_id: int, entry: ManifestEntry) -> None:
    """Let a clip say what its manifest says now: a licence may have been corrected."""
    Clip.objects.filter(pk=clip_id).update(**_metadata(entry))


def store_clips(
    news: Sequence[NewClip], *, source: str, spaces: Sequence[ClassSpace]
) -> StoredClips:
    """Store recordings with profiles and windows: all of them at once, or none.

    One whose content another import stored meanwhile is recorded as a duplicate.
    """
    with transaction.atomic():
        snapshot = advance_snapshot()
        known = existing_sha256([new.sha256 for new in news])
        fresh = [new for new in news if new.sha256 not in known]
        clips = [_clip(new, snapshot, spaces) for new in fresh]
        Clip.objects.bulk_create(clips)
        for space in spaces:
            heard = [
                (clip, new.hearings[space.name]) for new, clip in zip(fresh, clips, strict=True)
            ]
            store_profiles(heard, space=space, snapshot=snapshot)
        ids = known | {clip.sha256: clip.pk for clip in clips}
        for new in news:
            new.item.clip_id = ids[new.sha256]
            if new.sha256 in known:
                new.item.outcome = ImportItem.Outcome.DUPLICATE
        record_items([new.item for new in news], source=source)
    return StoredClips(len(fresh), sum(new.facts.duration_s for new in fresh))


def record_items(items: Sequence[ImportItem], *, source: str) -> None:
    """Remember what became of files; a newer outcome replaces the older one."""
    for item in items:
        item.source = source
    ImportItem.objects.bulk_create(
        items,
        update_conflicts=True,
        unique_fields=["source", "path"],
        update_fields=[
            "byte_size",
            "modified_ns",
            "outcome",
            "row_digest",
            "code",
            "detail",
            "clip",
        ],
    )


def _clip(new: NewClip, snapshot: int, spaces: Sequence[ClassSpace]) -> Clip:
    facts = new.facts
    clip = Clip(
        sha256=new.sha256,
        **_metadata(new.entry),
        original=new.files.original,
        preview=new.files.preview,
        media_type=facts.media_type,
        byte_size=new.byte_size,
        duration_s=facts.duration_s,
        sample_rate_hz=facts.sample_rate_hz,
        channels=facts.channels,
        loudness_lufs=facts.loudness_lufs,
        true_peak_dbtp=facts.true_peak_dbtp,
        peaks=facts.peaks,
        added_in=snapshot,
    )
    for space in spaces:
        if isinstance(space, HeardSpace):
            _describe(clip, new.hearings[space.name], space)
    return clip


def _metadata(entry: ManifestEntry) -> dict[str, Any]:
    return {
        "path": entry.path,
        "title": entry.title,
        "tags": list(entry.tags),
        "author": entry.author,
        "license": entry.license,
        "license_url": entry.license_url or LICENCES[entry.license].url,
        "source_url": entry.source_url,
        "collection": entry.collection,
    }


def store_profiles(
    heard: Sequence[tuple[Clip, AudioScores]], *, space: ClassSpace, snapshot: int
) -> None:
    """Store what one model heard in some recordings, searchable from a snapshot on."""
    profiles = ClipProfile.objects.bulk_create(
        ClipProfile(
            clip=clip,
            space_id=space.name,
            classes=len(space),
            model_version=space.audio_model,
            distribution=space.clip_profile(hearing.windows).values,
            added_in=snapshot,
        )
        for clip, hearing in heard
    )
    ClipWindow.objects.bulk_create(
        [
            ClipWindow(
                profile=profile,
                classes=len(space),
                position=position,
                start_s=start_s,
                distribution=window,
            )
            for profile, (_, hearing) in zip(profiles, heard, strict=True)
            for position, (start_s, window) in enumerate(
                zip(hearing.starts_s, hearing.windows, strict=True)
            )
        ],
        batch_size=200,
    )


def describe_clips(heard: Sequence[tuple[Clip, AudioScores]], *, space: ClassSpace) -> None:
    """Say in words what was heard in stored recordings, if the space's classes are sounds."""
    if not isinstance(space, HeardSpace):
        return
    for clip, hearing in heard:
        _describe(clip, hearing, space)
    Clip.objects.bulk_update([clip for clip, _ in heard], ["sounds", "sound_tags", "flags"])


def _describe(clip: Clip, hearing: AudioScores, space: HeardSpace) -> None:
    description = describe(hearing.windows, space.vocabulary)
    clip.sounds = [
        {"key": sound.label.key, "name": sound.name, "score": round(sound.score, 3)}
        for sound in description.sounds
    ]
    clip.sound_tags = [sound.name for sound in description.sounds]
    clip.flags = [flag.value for flag in description.flags]
