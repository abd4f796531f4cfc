"""Queries on photo sets, their photos, and the imports that fill them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from labelling.models import Campaign, PhotoImport, PhotoImportItem, PhotoSet, SetPhoto
from retrieval.models import JobState
from retrieval.selectors.scenes import judgeable_scenes

_PENDING = (JobState.QUEUED, JobState.PROCESSING)
_OUTCOMES = (  # in the order of the fields of `ImportRow`
    PhotoImportItem.Outcome.ADDED,
    PhotoImportItem.Outcome.DUPLICATE,
    PhotoImportItem.Outcome.FAILED,
)


@dataclass(frozen=True, slots=True)
class SetCounts:
    """How many photos of a set are in which state."""

    matched: int
    waiting: int
    failed: int

    @property
    def photos(self) -> int:
        """All of them."""
        return self.matched + self.waiting + self.failed


@dataclass(frozen=True, slots=True)
class SetRow:
    """A set with its counts."""

    photo_set: PhotoSet
    counts: SetCounts
    campaigns: int


@dataclass(frozen=True, slots=True)
class ImportRow:
    """An import with the outcomes of its photos."""

    job: PhotoImport
    added: int
    duplicates: int
    failed: int

    @property
    def settled(self) -> int:
        """How many photos have an outcome."""
        return self.added + self.duplicates + self.failed

    @property
    def is_pending(self) -> bool:
        """Whether the import goes on."""
        return self.job.state in _PENDING


def photo_set_with_key(photo_set_id: int) -> PhotoSet | None:
    """Return a photo set."""
    return PhotoSet.objects.filter(pk=photo_set_id).first()


def photo_set_named(name: str) -> PhotoSet | None:
    """Return the photo set of this name, whatever its case."""
    return PhotoSet.objects.filter(name__iexact=name).first()


def photo_set_rows() -> list[SetRow]:
    """Return every photo set by name, with its counts."""
    sets = list(PhotoSet.objects.order_by("name"))
    photos = _counts_of(sets)
    used = dict(
        Campaign.objects.order_by().values_list("photo_set_id").annotate(campaigns=Count("pk"))
    )
    return [SetRow(one, photos[one.pk], used.get(one.pk, 0)) for one in sets]


def photo_set_counts(photo_set: PhotoSet) -> SetCounts:
    """Return the counts of a set."""
    return _counts_of([photo_set])[photo_set.pk]


def campaign_count(photo_set_id: int) -> int:
    """Return how many campaigns use a set."""
    return Campaign.objects.filter(photo_set_id=photo_set_id).count()


def photos_page(photo_set: PhotoSet, *, after: int, size: int) -> tuple[list[SetPhoto], int | None]:
    """Return the photos of a set behind one of them, and the last one's key if more follow."""
    found = list(
        _shown_photos(PhotoSet.Source(photo_set.source))
        .filter(photo_set=photo_set, pk__gt=after)
        .select_related("scene")
        .order_by("pk")[: size + 1]
    )
    shown = found[:size]
    return shown, shown[-1].pk if len(found) > size else None


def import_rows(photo_set_id: int, *, limit: int) -> list[ImportRow]:
    """Return imports of a set: the next of those that go on, then the newest others."""
    imports = PhotoImport.objects.filter(photo_set_id=photo_set_id)
    pending = imports.filter(state__in=_PENDING).order_by("pk")[:limit]
    ended = imports.exclude(state__in=_PENDING).order_by("-pk")[:limit]
    jobs = [*pending, *ended]
    items = PhotoImportItem.objects.filter(photo_import__in=jobs).order_by()
    counted = items.values_list("photo_import_id", "outcome").annotate(photos=Count("pk"))
    counts = {(pk, outcome): photos for pk, outcome, photos in counted}
    return [
        ImportRow(job, *(counts.get((job.pk, outcome), 0) for outcome in _OUTCOMES)) for job in jobs
    ]


def pending_import_count(photo_set_id: int) -> int:
    """Return how many imports of a set go on."""
    return PhotoImport.objects.filter(photo_set_id=photo_set_id, state__in=_PENDING).count()


def failed_items(import_ids: Sequence[int], *, limit: int) -> list[PhotoImportItem]:
    """Return photos that imports could not add, newest first."""
    failed = PhotoImportItem.objects.filter(
        photo_import_id__in=import_ids, outcome=PhotoImportItem.Outcome.FAILED
    )
    return list(failed.order_by("-pk")[:limit])


def _shown_photos(source: PhotoSet.Source) -> QuerySet[SetPhoto]:
    """Return the photos that leads may see: of visitors' only those that may be judged now."""
    if source == PhotoSet.Source.IMPORTED:
        return SetPhoto.objects.all()
    return SetPhoto.objects.filter(scene__in=judgeable_scenes())


def _counts_of(sets: Sequence[PhotoSet]) -> dict[int, SetCounts]:
    counts = {one.pk: SetCounts(0, 0, 0) for one in sets}
    # A query for each source: "imported, or among those that may be judged" is checked row by row,
    # which takes minutes if the photos are many.
    for source in PhotoSet.Source:
        of_source = [one for one in sets if one.source == source]
        counted = (
            _shown_photos(source)
            .filter(photo_set__in=of_source)
            .order_by()
            .values("photo_set_id")
            .annotate(
                matched=Count("pk", filter=Q(scene__state=JobState.DONE)),
                waiting=Count("pk", filter=Q(scene__state__in=_PENDING)),
                failed=Count("pk", filter=Q(scene__state=JobState.FAILED)),
            )
        )
        for row in counted:
            counts[row["photo_set_id"]] = SetCounts(row["matched"], row["waiting"], row["failed"])
    return counts
