"""Find the recordings that fit a photo best."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.errors import EngineError
from retrieval.engine.matching.explanation import Explanation, explain
from retrieval.engine.matching.matcher import Judgement, Matcher, Profiles
from retrieval.engine.matching.ranking import RankedClip
from retrieval.engine.matching.recipes import MATCHERS, PAPER
from retrieval.engine.matching.takes import Take, TakeGroup, group_takes
from retrieval.engine.networks.classifiers import VIEW_SHAPE
from retrieval.engine.networks.registry import ModelRegistry
from retrieval.models import Clip
from retrieval.selectors.library import clips_by_id, library_has_clips, library_state, profiles_of
from retrieval.selectors.matchers import matchers_in_force
from retrieval.services.indexing import SearchableLibrary, open_library

LEAST_COVERAGE: Final = 0.5
"""Share of the library that must have a matcher's profiles before the matcher is used."""

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
    """A recording with its rank, an explanation in each space and its other takes."""

    rank: int
    clip: Clip
    score: float
    judgement: Judgement
    explanations: tuple[Explanation, ...]
    takes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The recordings that one matcher found for a photo in one snapshot of the library."""

    matcher: Matcher
    scene: Profiles
    snapshot: int
    library_size: int
    found: tuple[FoundClip, ...]
    search_seconds: float


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
            self._library(matcher, snapshot)
            matcher.bank.moments  # noqa: B018 # a cached property

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

    def search(self, seen: ClassifiedPhoto, *, top: int) -> SearchResult:
        """Rank the newest library for a photo by the default matcher.

        Raises
        ------
        EngineError
            As the function `search`.
        """
        matcher = seen.matchers[0]
        library = self._library(matcher, library_state().snapshot)
        return search(seen=seen.views, matcher=matcher, library=library, top=top)

    def search_all(self, seen: ClassifiedPhoto, *, top: int) -> list[SearchResult]:
        """Rank the newest library by every matcher whose profiles cover it, the default one first.

        Without any, the paper's matcher is used.

        Raises
        ------
        EngineError
            As the function `search`.
        """
        snapshot = library_state().snapshot
        libraries = {matcher.name: self._library(matcher, snapshot) for matcher in seen.matchers}
        self._libraries = {one.matcher.rows_version: one for one in libraries.values()}
        least = max(1, LEAST_COVERAGE * libraries[PAPER].size)
        covering = [one for one in seen.matchers if libraries[one.name].size >= least]
        return [
            search(seen=seen.views, matcher=matcher, library=libraries[matcher.name], top=top)
            for matcher in covering or [one for one in seen.matchers if one.name == PAPER]
        ]

    def _matchers(self) -> list[Matcher]:
        return self._load_matchers(list(dict.fromkeys([self.name, *MATCHERS])))

    def _library(self, matcher: Matcher, snapshot: int) -> SearchableLibrary:
        """Return the library of a matcher's rows, which matchers may share."""
        known = self._libraries.get(matcher.rows_version)
        if known is None or known.snapshot != snapshot:
            known = open_library(matcher=matcher, directory=self._index_directory)
            self._libraries[matcher.rows_version] = known
        return known


def search(
    *, seen: NDArray[np.float64], matcher: Matcher, library: SearchableLibrary, top: int
) -> SearchResult:
    """Rank the whole library for a photo; judge and explain the best `top` recordings.

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
    ranked, groups, clips, profiles = _best(scene, matcher=matcher, library=library, top=top)
    search_seconds = time.perf_counter() - started
    places = {place.clip_id: place for place in ranked}
    found = tuple(
        FoundClip(
            rank=rank,
            clip=clips[group.best.clip_id],
            score=places[group.best.clip_id].score,
            judgement=matcher.judge(scene, profiles[group.best.clip_id]),
            explanations=_explanations(scene, profiles[group.best.clip_id], matcher, library),
            takes=tuple(take.clip_id for take in group.others),
        )
        for rank, group in enumerate(groups[:top], start=1)
    )
    return SearchResult(matcher, scene, library.snapshot, library.size, found, search_seconds)


def _best(
    scene: Profiles, *, matcher: Matcher, library: SearchableLibrary, top: int
) -> tuple[list[RankedClip], list[TakeGroup], Mapping[int, Clip], Mapping[int, Profiles]]:
    """Rank enough clips for `top` recordings; the takes of a recording count once."""
    query, judged_space = matcher.query(scene), matcher.judged_space(scene)
    count = _CLIPS_PER_PLACE * top
    while True:
        ranked = library.ranker.rank(query, top=count)
        clip_ids = [place.clip_id for place in ranked]
        clips = clips_by_id(clip_ids)
        profiles = profiles_of(clip_ids, model_versions=matcher.audio_models)
        groups = group_takes(
            Take(clip_id, clips[clip_id].source_url, profiles[clip_id][judged_space.name])
            for clip_id in clip_ids
        )
        if len(groups) >= top or len(ranked) < count or count == _MOST_CLIPS_PER_PLACE * top:
            return ranked, groups, clips, profiles
        count = min(4 * count, _MOST_CLIPS_PER_PLACE * top)


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
