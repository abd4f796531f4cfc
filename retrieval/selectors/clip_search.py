"""Search the recordings of the library by words and by facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.contrib.postgres.search import SearchQuery, SearchVectorExact
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.lookups import StartsWith

from retrieval.models import Clip, ClipAbsence
from retrieval.models.clips import ClipWords, FileName
from retrieval.selectors.clip_filters import ClipFilter

NEWEST_FIRST: Final = ("-added_in", "-id")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipSearch(ClipFilter):
    """What is searched for; None and an empty text match every recording.

    Attributes
    ----------
    words : str
        In the syntax of search engines: words that must all occur, ``"a phrase"``, ``or``, and
        ``-`` before a word that must not occur. English words are found in all their forms.
    snapshot : int, optional
        The library at that snapshot instead of now.
    withdrawn : bool, optional
        Only recordings that are withdrawn, or only those that are not; None for both.
    """

    words: str = ""
    snapshot: int | None = None
    withdrawn: bool | None = False


def clips_matching(wanted: ClipSearch) -> QuerySet[Clip]:
    """Return the recordings that match, without their peaks; order them `NEWEST_FIRST`.

    Every condition has an index; the database chooses between it and a walk from the newest
    recording on.
    """
    clips = Clip.objects.filter(wanted.condition()).defer("peaks")
    if wanted.withdrawn is not None:
        clips = clips.filter(removed_in__isnull=not wanted.withdrawn)
    if wanted.words:
        clips = clips.filter(has_words(wanted.words))
    if wanted.snapshot is not None:
        clips = clips.filter(in_library_at(wanted.snapshot))
    return clips


def has_words(words: str) -> Q:
    """Return the condition of recordings whose description has words, as in `ClipSearch.words`."""
    query = SearchQuery(words, config="pg_catalog.english", search_type="websearch")
    return Q(SearchVectorExact(ClipWords.of_clip(), query))


def in_path(part: str) -> Q:
    """Return the condition of rows whose path has a part that begins a file's name.

    The part may have folders before the name.
    """
    name = part.rpartition("/")[2]
    if not name:  # no index finds it
        return Q(pk__in=[])
    return Q(StartsWith(FileName("path"), name), path__contains=part)


def in_library_at(snapshot: int) -> Q:
    """Return the condition of recordings that were in the library at a snapshot."""
    absent = ClipAbsence.objects.filter(
        clip=OuterRef("pk"), removed_in__lte=snapshot, restored_in__gt=snapshot
    )
    stayed = Q(removed_in__isnull=True) | Q(removed_in__gt=snapshot)
    return Q(added_in__lte=snapshot) & stayed & Q(~Exists(absent))
