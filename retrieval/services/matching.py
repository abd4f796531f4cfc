"""Find the recordings that fit a photo best."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.errors import EngineError
from retrieval.engine.matching.explanation import Explanation, explain
from retrieval.engine.matching.length import longer_first
from retrieval.engine.matching.matcher import Judgement, Matcher, Profiles
from retrieval.engine.matching.recipes import MATCHERS, PAPER
from retrieval.engine.matching.strength import Strength, strengths_of
from retrieval.engine.matching.takes import Take, TakeGroup, group_takes
from retrieval.engine.networks.classifiers import VIEW_SHAPE
from retrieval.engine.networks.registry import ModelRegistry
from retrieval.engine.ranking.files import IndexDamagedError
from retrieval.engine.ranking.ranker import RankedClip, Ranker
from retrieval.models import Clip
from retrieval.selectors.clip_filters import (
    EVERY_CLIP,
    ClipFilter,
    passing_among,
    passing_ids,
)
from retrieval.selectors.library import clips_by_id, library_has_clips, library_state, profiles_of
from retrieval.selectors.matchers import matchers_in_force
from retrieval.services.indexing import SearchableLibrary, open_library, start_upkeep

logger = logging.getLogger(__name__)

LEAST_COVERAGE: Final = 0.5
"""Share of the library that must have a matcher's profiles before the matcher is used."""

LONGEST_BEGINNING: Final = 4096
"""Of a ranking, in clips, before those that pass a filter are looked up instead."""

_RANKED_FOR_ONE: Final = 4  # a filter that a quarter of the best clips pass needs one query
_CLIPS_PER_PLACE: Final = 3  # a recording seldom has more takes among the best
_MOST_CLIPS_PER_PLACE: Final = 64  # more takes of one recording are a collection


@dataclass(frozen=True, slots=True)
class ClassifiedPhoto:
    """What an image network says of a photo, with the matchers that compare photos by it.

    Attributes
    ----------
    matchers : tuple of Matcher
        All of the same image network, the default one first.
    views : float64 [shape=(n, classes)]
        A distribution for each view of the photo, for `Matcher.scene`.
    """

    matchers: tuple[Matcher, ...]
    views: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FoundClip:
    """A recording with its rank, an explanation in each space and its other takes.

    `fit` says how probably it is good, `strength` is its word; None if the matcher cannot say.
    """

    rank: int
    clip: Clip
    score: float
    judgement: Judgement
    fit: float | None
    strength: Strength | None
    explanations: tuple[Explanation, ...]
    takes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The recordings that one matcher found for a photo in one snapshot of the library.

    Only those that pass `clip_filter`, which may be none; `library_size` counts all.
    """

    matcher: Matcher
    scene: Profiles
    snapshot: int
    library_size: int
    found: tuple[FoundClip, ...]
    search_seconds: float
    clip_filter: ClipFilter = EVERY_CLIP


class SoundFinder:
    """Classifies photos and searches the library; keeps networks and indexes open.

    Parameters
    ----------
    name : str
        The default matcher.
    registry : ModelRegistry
        Provides the image networks.
    index_directory : Path
        Where the matchers' indexes lie.
    load_matchers : callable
        Returns the matchers in force by their names, all of one image network.
    """

    input_shape = VIEW_SHAPE

    def __init__(
        self,
        name: str,
        *,
        registry: ModelRegistry,
        index_directory: Path,
        load_matchers: Callable[[Sequence[str]], list[Matcher]] = matchers_in_force,
    ) -> None:
        self.name = name
        self._registry = registry
        self._index_directory = index_directory
        self._load_matchers = load_matchers
        self._libraries: dict[str, SearchableLibrary] = {}

    def warm(self) -> None:
        """Load the image network, the libraries and the banks before the first photo."""
        snapshot = library_state().snapshot
        matchers = self._matchers()
        self._registry.warm(images=[matchers[0].spaces[0].image_classifier])
        for matcher in matchers:
            library = self._library(matcher, snapshot)
            matcher.bank.moments  # noqa: B018 # a cached property
            first_class = np.eye(1, len(matcher.spaces[0]))
            library.ranker.rank(matcher.query(matcher.scene(first_class)), top=1)  # compiles

    def matcher(self, name: str) -> Matcher | None:
        """Return a matcher in force; None if there is none of this name."""
        return next((one for one in self._matchers() if one.name == name), None)

    def classify(self, views: NDArray[np.uint8]) -> ClassifiedPhoto:
        """Classify a photo by the image network in force.

        Parameters
        ----------
        views : uint8 [shape=(n, side, side, 3)]
            Its views, the centre first.
        """
        matchers = tuple(self._matchers())
        network = self._registry.image_classifier(matchers[0].spaces[0].image_classifier)
        return ClassifiedPhoto(matchers, network.classify(views))

    def search(
        self, seen: ClassifiedPhoto, *, top: int, clip_filter: ClipFilter = EVERY_CLIP
    ) -> SearchResult:
        """Rank what passes the filter in the newest library for a photo by the default matcher.

        Raises
        ------
        EngineError
            As the function `searches`.
        """
        matcher = seen.matchers[0]
        library = self._library(matcher, library_state().snapshot)
        return self._searches(seen, matcher, library, top=top, clip_filter=clip_filter)[-1]

    def search_all(
        self, seen: ClassifiedPhoto, *, top: int, clip_filter: ClipFilter = EVERY_CLIP
    ) -> list[SearchResult]:
        """Rank the newest library by every matcher whose profiles cover it, the default one first.

        Without any, the paper's matcher is used. With a filter, the results of the whole library
        follow those of what passes.

        Raises
        ------
        EngineError
            As the function `searches`.
        """
        snapshot = library_state().snapshot
        libraries = {matcher.name: self._library(matcher, snapshot) for matcher in seen.matchers}
        self._libraries = {one.matcher.rows_version: one for one in libraries.values()}
        least = max(1, LEAST_COVERAGE * libraries[PAPER].size)
        covering = [one for one in seen.matchers if libraries[one.name].size >= least]
        used = covering or [one for one in seen.matchers if one.name == PAPER]
        found = [
            self._searches(seen, matcher, libraries[matcher.name], top=top, clip_filter=clip_filter)
            for matcher in used
        ]
        passing = [results[-1] for results in found]
        return passing if clip_filter.is_empty else passing + [results[0] for results in found]

    def _searches(
        self,
        seen: ClassifiedPhoto,
        matcher: Matcher,
        library: SearchableLibrary,
        *,
        top: int,
        clip_filter: ClipFilter,
    ) -> list[SearchResult]:
        """Search a library; if its rows are damaged, open it again, at last with new rows."""
        search = partial(
            searches, seen=seen.views, matcher=matcher, top=top, clip_filter=clip_filter
        )
        for afresh in (False, True):  # another process may have stored them again already
            try:
                return search(library=library)
            except IndexDamagedError as error:
                logger.warning("Opening the index again: %s", error.detail)
            library = open_library(matcher=matcher, directory=self._index_directory, afresh=afresh)
            self._libraries[matcher.rows_version] = library
        return search(library=library)

    def _matchers(self) -> list[Matcher]:
        return self._load_matchers(list(dict.fromkeys([self.name, *MATCHERS])))

    def _library(self, matcher: Matcher, snapshot: int) -> SearchableLibrary:
        """Return the library of a matcher's rows, which matchers may share."""
        known = self._libraries.get(matcher.rows_version)
        if known is None or known.snapshot != snapshot:
            first = known is None
            known = open_library(matcher=matcher, directory=self._index_directory, earlier=known)
            in_force = self._matchers() if first else []
            start_upkeep(library=known, in_force=in_force, directory=self._index_directory)
            self._libraries[matcher.rows_version] = known
        return known


def searches(
    *,
    seen: NDArray[np.float64],
    matcher: Matcher,
    library: SearchableLibrary,
    top: int,
    clip_filter: ClipFilter = EVERY_CLIP,
) -> list[SearchResult]:
    """Rank the whole library for a photo, then what passes the filter if there is one.

    The best `top` recordings of each are judged and explained. A filter changes neither: both
    compare with the mean of the whole library, and with the best recording of all.

    Parameters
    ----------
    seen : float64 [shape=(n, classes)]
        A distribution for each view of the photo.

    Raises
    ------
    EngineError
        With code ``library_empty`` if there are no recordings, ``profiles_missing`` if none of
        them has the matcher's profiles.
    """
    if library.size == 0 and library_has_clips():
        raise EngineError(
            f"the recordings lack the profiles of {matcher.name}: run `manage.py profile_clips`",
            code="profiles_missing",
        )
    if library.size == 0:
        raise EngineError(
            "the library holds no recordings; `make setup` imports the starter library, "
            "`manage.py import_clips` your own",
            code="library_empty",
        )
    started = time.perf_counter()
    scene = matcher.scene(seen)
    ranking = _best(scene, matcher=matcher, library=library, top=top)
    best = ranking.profiles[ranking.groups[0].best.clip_id]
    results = [_result(scene, ranking, matcher, library, best=best, started=started)]
    if not clip_filter.is_empty:
        started = time.perf_counter()
        ranking = _best(scene, matcher=matcher, library=library, top=top, clip_filter=clip_filter)
        results.append(_result(scene, ranking, matcher, library, best=best, started=started))
    return results


@dataclass(frozen=True, slots=True)
class _Ranking:
    """The best recordings that pass a filter, at most `top`, with all clips that were ranked."""

    clip_filter: ClipFilter
    ranked: list[RankedClip]
    groups: list[TakeGroup]
    clips: Mapping[int, Clip]
    profiles: Mapping[int, Profiles]


def _result(
    scene: Profiles,
    ranking: _Ranking,
    matcher: Matcher,
    library: SearchableLibrary,
    *,
    best: Profiles,
    started: float,
) -> SearchResult:
    """Judge and explain a ranking; `best` is the best recording of the whole library."""
    search_seconds = time.perf_counter() - started
    clips, profiles = ranking.clips, ranking.profiles
    scores = {place.clip_id: place.score for place in ranking.ranked}
    shown = ranking.groups
    fits = matcher.fits(
        scene,
        [best, *(profiles[group.best.clip_id] for group in shown)],
        library_mean_log_rows=library.mean_log_rows,
    )
    fits = None if fits is None else fits[1:]
    strengths = None if fits is None else strengths_of(fits)
    found = tuple(
        FoundClip(
            rank=rank,
            clip=clips[group.best.clip_id],
            score=scores[group.best.clip_id],
            judgement=matcher.judge(scene, profiles[group.best.clip_id]),
            fit=None if fits is None else fits[rank - 1],
            strength=None if strengths is None else strengths[rank - 1],
            explanations=_explanations(scene, profiles[group.best.clip_id], matcher, library),
            takes=tuple(take.clip_id for take in group.others),
        )
        for rank, group in enumerate(shown, start=1)
    )
    return SearchResult(
        matcher, scene, library.snapshot, library.size, found, search_seconds, ranking.clip_filter
    )


def _best(
    scene: Profiles,
    *,
    matcher: Matcher,
    library: SearchableLibrary,
    top: int,
    clip_filter: ClipFilter = EVERY_CLIP,
) -> _Ranking:
    """Rank enough clips for `top` recordings; the takes of a recording count once."""
    query, judged_space = matcher.query(scene), matcher.judged_space(scene)
    count = _CLIPS_PER_PLACE * top
    while True:
        ranked = ranked_passing(
            ranker=library.ranker, query=query, top=count, clip_filter=clip_filter
        )
        clip_ids = [place.clip_id for place in ranked]
        clips = clips_by_id(clip_ids)
        if matcher.prefers_length:
            ranked = longer_first(ranked, {pk: clip.duration_s for pk, clip in clips.items()})
            clip_ids = [place.clip_id for place in ranked]
        profiles = profiles_of(clip_ids, model_versions=matcher.audio_models)
        groups = group_takes(
            Take(clip_id, clips[clip_id].source_url, profiles[clip_id][judged_space.name])
            for clip_id in clip_ids
        )
        if len(groups) >= top or len(ranked) < count or count == _MOST_CLIPS_PER_PLACE * top:
            return _Ranking(clip_filter, ranked, groups[:top], clips, profiles)
        count = min(4 * count, _MOST_CLIPS_PER_PLACE * top)


def ranked_passing(
    *, ranker: Ranker, query: NDArray[np.float64], top: int, clip_filter: ClipFilter
) -> list[RankedClip]:
    """Return the `top` best clips that pass a filter; exactly, if the ranker is exact.

    Those that pass of the beginning of an exact ranking are the best that do. Where a long
    beginning holds too few of them, few clips pass: their ids are read, and only they are ranked.
    """
    if clip_filter.is_empty:
        return ranker.rank(query, top=top)
    length = _RANKED_FOR_ONE * top
    while length <= LONGEST_BEGINNING:
        ranked = ranker.rank(query, top=length)
        passing = passing_among([place.clip_id for place in ranked], clip_filter)
        found = [place for place in ranked if place.clip_id in passing]
        if len(found) >= top or len(ranked) < length:
            return found[:top]
        length *= 4
    return ranker.rank(query, top=top, only=passing_ids(clip_filter))


def _explanations(
    scene: Profiles, clip: Profiles, matcher: Matcher, library: SearchableLibrary
) -> tuple[Explanation, ...]:
    """Explain in each space, first in the one in which this photo's matches are judged."""
    log_rows, judged_space = matcher.log_rows(clip), matcher.judged_space(scene)
    spaces = sorted(matcher.spaces, key=lambda space: space is not judged_space)
    return tuple(
        explain(
            space,
            scene=scene[space.name],
            clip_log_row=log_rows[space.name],
            library_mean_log_row=library.mean_log_rows[space.name],
        )
        for space in spaces
    )
