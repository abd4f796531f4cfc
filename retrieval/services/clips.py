"""Store recordings with their profiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction

from retrieval.catalogue.licences import LICENCES
from retrieval.catalogue.manifest import COLUMNS, ManifestEntry, RowProblem
from retrieval.engine.recordings.analysis import RecordingFacts
from retrieval.engine.spaces.audio_scores import AudioScores
from retrieval.engine.spaces.class_groups import group_sums
from retrieval.engine.spaces.space import ClassSpace, HeardSpace
from retrieval.engine.vocabulary.sounds import describe
from retrieval.models import Clip, ClipProfile, ClipWindow, ImportItem
from retrieval.selectors.clip_filters import CHANGEABLE_FACTS
from retrieval.selectors.library import existing_sha256
from retrieval.services.library import advance_snapshot, lock_library
from retrieval.storage import content_store

RECORDINGS_FOLDER: Final = "recordings"


@dataclass(frozen=True, slots=True)
class NewClip:
    """A recording whose files are stored, with its model output by name of the space.

    `original` and `preview` are storage names; `preview` is empty if browsers play the original.
    """

    entry: ManifestEntry
    sha256: str
    facts: RecordingFacts
    original: str
    preview: str
    item: ImportItem
    scores: Mapping[str, AudioScores]


def metadata_problem(*, entry: ManifestEntry) -> RowProblem | None:
    """Validate an entry's metadata before its file is read; return the first error."""
    clip = Clip(**_metadata(entry))
    try:
        clip.clean_fields(exclude={field.name for field in Clip._meta.fields} - set(COLUMNS))
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        return RowProblem("metadata_invalid", f"{name}: {' '.join(messages)}")
    return None


def store_files(*, file: Path, sha256: str, facts: RecordingFacts) -> tuple[str, str]:
    """Store a recording and its preview; return their storage names.

    The suffix comes from the format, not from the user.
    """
    original = content_store.keep(
        file, folder=RECORDINGS_FOLDER, sha256=sha256, suffix=f".{facts.container}"
    )
    return original, store_preview(file=facts.preview_path) if facts.preview_path else ""


def store_preview(*, file: Path) -> str:
    """Store the file that browsers play and return its storage name."""
    return content_store.keep(
        file, folder="previews", sha256=content_store.sha256_of(file), suffix=file.suffix
    )


@transaction.atomic
def update_metadata(*, entries: Mapping[int, ManifestEntry]) -> None:
    """Replace clips' metadata, by their ids, by that of entries without a `metadata_problem`.

    Other licences, tags or collections are a new snapshot: results with a filter are not reused.
    """
    lock_library()  # before the clips, as for withdrawals
    before = {
        one["pk"]: one
        for one in Clip.objects.filter(pk__in=entries).values("pk", *CHANGEABLE_FACTS)
    }
    for clip_id, entry in entries.items():
        Clip.objects.filter(pk=clip_id).update(**_metadata(entry))
    if any(_changes_facts(before[clip_id], entries[clip_id]) for clip_id in before):
        advance_snapshot()


def _changes_facts(before: Mapping[str, Any], entry: ManifestEntry) -> bool:
    after = _metadata(entry)
    return any(after[name] != before[name] for name in CHANGEABLE_FACTS)


@transaction.atomic
def store_clips(
    *, clips: Sequence[NewClip], source: str, spaces: Sequence[ClassSpace]
) -> list[NewClip]:
    """Store recordings with profiles and windows, all or none; return those that were new.

    A recording whose content another import stored meanwhile is recorded as a duplicate. Rows are
    inserted in bulk, without `full_clean()`: `metadata_problem` validated the metadata, everything
    else is measured, and the table's constraints check both.
    """
    snapshot = advance_snapshot()
    known = existing_sha256([clip.sha256 for clip in clips])
    fresh = [clip for clip in clips if clip.sha256 not in known]
    rows = [_row(clip, snapshot=snapshot, spaces=spaces) for clip in fresh]
    Clip.objects.bulk_create(rows)
    for space in spaces:
        scored = [(row, clip.scores[space.name]) for clip, row in zip(fresh, rows, strict=True)]
        store_profiles(scored=scored, space=space, snapshot=snapshot)
    ids = known | {row.sha256: row.pk for row in rows}
    for clip in clips:
        clip.item.clip_id = ids[clip.sha256]
        if clip.sha256 in known:
            clip.item.outcome = ImportItem.Outcome.DUPLICATE
    record_items(items=[clip.item for clip in clips], source=source)
    return fresh


def record_items(*, items: Sequence[ImportItem], source: str) -> None:
    """Store outcomes of files of a source; they replace earlier outcomes of the same files.

    Rows are inserted in bulk, without `full_clean()`: the table's constraints check them.
    """
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


def store_profiles(
    *, scored: Sequence[tuple[Clip, AudioScores]], space: ClassSpace, snapshot: int
) -> None:
    """Store the profiles and windows of recordings in one space, searchable from a snapshot on."""
    distributions = [space.clip_profile(scores.windows).values for _, scores in scored]
    profiles = ClipProfile.objects.bulk_create(
        ClipProfile(
            clip=clip,
            space_id=space.name,
            classes=len(space),
            model_version=space.audio_model,
            distribution=distribution,
            added_in=snapshot,
            group_sums=group_sums(distribution, space=space.name),
        )
        for (clip, _), distribution in zip(scored, distributions, strict=True)
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
            for profile, (_, scores) in zip(profiles, scored, strict=True)
            for position, (start_s, window) in enumerate(
                zip(scores.starts_s, scores.windows, strict=True)
            )
        ],
        batch_size=200,
    )


def describe_clips(*, scored: Sequence[tuple[Clip, AudioScores]], space: ClassSpace) -> None:
    """Update the detected sounds of stored clips, if the classes of the space are sounds."""
    if not isinstance(space, HeardSpace):
        return
    for clip, scores in scored:
        _describe(clip, scores, space)
    Clip.objects.bulk_update([clip for clip, _ in scored], ["sounds", "sound_tags", "flags"])


def _row(clip: NewClip, *, snapshot: int, spaces: Sequence[ClassSpace]) -> Clip:
    facts = clip.facts
    row = Clip(
        sha256=clip.sha256,
        **_metadata(clip.entry),
        original=clip.original,
        preview=clip.preview,
        media_type=facts.media_type,
        byte_size=clip.item.byte_size,
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
            _describe(row, clip.scores[space.name], space)
    return row


def _metadata(entry: ManifestEntry) -> dict[str, Any]:
    return {
        **{name: getattr(entry, name) for name in COLUMNS},
        "tags": list(entry.tags),
        "license_url": entry.license_url or LICENCES[entry.license].url,
    }


def _describe(clip: Clip, scores: AudioScores, space: HeardSpace) -> None:
    description = describe(scores.windows, space.vocabulary)
    clip.sounds = [
        {"key": sound.label.key, "name": sound.name, "score": round(sound.score, 3)}
        for sound in description.sounds
    ]
    clip.sound_tags = [sound.name for sound in description.sounds]
    clip.flags = [flag.value for flag in description.flags]
