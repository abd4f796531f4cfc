"""Find the recordings that fit a photo."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.distributions import Distribution
from retrieval.engine.errors import EngineError
from retrieval.engine.explanation import Explanation, explain
from retrieval.engine.matchers import MATCHERS, Judgement, Matcher, Profiles
from retrieval.engine.ranking import RankedClip
from retrieval.engine.registry import ModelRegistry
from retrieval.engine.takes import Take, TakeGroup, group_takes
from retrieval.models import Clip
from retrieval.selectors.library import clips_by_id, library_state, profiles_of
from retrieval.selectors.matchers import matcher_in_force
from retrieval.services.indexing import SearchableLibrary, open_library

FALLBACK: Final = "paper"
LEAST_COVERAGE: Final = 0.5
"""A matcher that knows less of the library than this is not yet asked: its profiles are made."""

_ASKED_PER_PLACE: Final = 3  # one recording has seldom more takes than that among the best


@dataclass(frozen=True, slots=True)
class FoundClip:
    """A recording at its place, with what speaks for it in each space, and its other takes."""

    rank: int
    clip: Clip
    score: float
    judgement: Judgement
    explanations: tuple[Explanation, ...]
    takes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The recordings that one matcher found in one state of the library."""

    matcher: Matcher
    snapshot: int
    library_size: int
    found: tuple[FoundClip, ...]
    search_seconds: float


class SoundFinder:
    """A process's means to find sounds: the image model and the library, both kept open.

    Parameters
    ----------
    name : str
        The matcher whose answer counts.
    registry : ModelRegistry
        Where the image model comes from when it is first needed.
    index_directory : Path
        Where the matchers' indexes lie.
    load_matcher : callable
        Returns a matcher by its name, as it is in force now.
    compared : sequence of str
        Further matchers, whose answers are there for the curious.
    """

    def __init__(
        self,
        name: str,
        *,
        registry: ModelRegistry,
        index_directory: Path,
        load_matcher: Callable[[str], Matcher] = matcher_in_force,
        compared: Sequence[str] = MATCHERS,
    ) -> None:
        self.name = name
        self._registry = registry
        self._index_directory = index_directory
        self._load_matcher = load_matcher
        self._compared = [FALLBACK, *(other for other in compared if other != FALLBACK)]
        self._libraries: dict[str, SearchableLibrary] = {}

    def warm(self) -> None:
        """Load the model and the libraries before somebody waits for them."""
        self._registry.warm(images=True)
        for matcher in self.matchers():
            self._newest_library(matcher)

    def matchers(self) -> list[Matcher]:
        """Return the matchers as they are in force now, the one that counts first."""
        names = dict.fromkeys([self.name, *self._compared])
        matchers = [self._load_matcher(name) for name in names]
        of_now = {matcher.rows_version for matcher in matchers}
        self._libraries = {rows: known for rows, known in self._libraries.items() if rows in of_now}
        return matchers

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of each view of a photo that `profile` takes."""
        return self._registry.image_classifier().input_shape

    def profile(self, views: NDArray[np.uint8]) -> dict[str, Distribution]:
        """Return the distribution of a photo in each of the matchers' spaces.

        Parameters
        ----------
        views : uint8 [shape=(n, side, side, 3)]
            Its views, the centre first.
        """
        probabilities = self._registry.image_classifier().classify(views)
        return {
            space.name: space.scene_profile(probabilities)
            for matcher in self.matchers()
            for space in matcher.spaces
        }

    def search(self, scene: Profiles, *, top: int) -> SearchResult:
        """Rank the newest library for a photo, by the matcher that counts.

        Raises
        ------
        EngineError
            With code ``library_empty`` if there is nothing to search.
        """
        return self._search(scene, self._that_counts(self.matchers()), top=top)

    def search_all(self, scene: Profiles, *, top: int) -> list[SearchResult]:
        """Rank the newest library by every matcher, the one that counts first.

        Raises
        ------
        EngineError
            With code ``library_empty`` if there is nothing to search.
        """
        matchers = self.matchers()
        first = self._that_counts(matchers)
        others = [
            matcher
            for matcher in matchers
            if matcher.name != first.name and self._newest_library(matcher).size
        ]
        return [self._search(scene, matcher, top=top) for matcher in (first, *others)]

    def _that_counts(self, matchers: Sequence[Matcher]) -> Matcher:
        """Return the site's matcher, or the paper's while the site's knows too little."""
        wanted = matchers[0]
        fallback = next(matcher for matcher in matchers if matcher.name == self._compared[0])
        known = self._newest_library(wanted).size
        return wanted if known >= LEAST_COVERAGE * self._newest_library(fallback).size else fallback

    def _search(self, scene: Profiles, matcher: Matcher, *, top: int) -> SearchResult:
        return search(scene, matcher=matcher, library=self._newest_library(matcher), top=top)

    def _newest_library(self, matcher: Matcher) -> SearchableLibrary:
        """Return the library that matches a matcher's rows; matchers of the same rows share it."""
        known = self._libraries.get(matcher.rows_version)
        if known is None or known.snapshot != library_state().snapshot:
            known = open_library(matcher, directory=self._index_directory)
            self._libraries[matcher.rows_version] = known
        return known


def search(
    scene: Profiles, *, matcher: Matcher, library: SearchableLibrary, top: int
) -> SearchResult:
    """Rank the whole library for a photo; judge and explain the first `top` recordings.

    Raises
    ------
    EngineError
        With code ``library_empty`` if there is nothing to search.
    """
    if library.size == 0:
        raise EngineError(
            "the library holds no recordings; `make setup` imports the starter library, "
            "`manage.py import_clips` your own",
            code="library_empty",
        )
    started = time.perf_counter()
    query = matcher.query(scene)
    ranked, groups, clips, profiles = _best(query, matcher=matcher, library=library, top=top)
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
    return SearchResult(matcher, library.snapshot, library.size, found, search_seconds)


def _best(
    query: NDArray[np.float64], *, matcher: Matcher, library: SearchableLibrary, top: int
) -> tuple[list[RankedClip], list[TakeGroup], Mapping[int, Clip], Mapping[int, Profiles]]:
    """Rank as many clips as it takes to find `top` recordings, takes of one counted once."""
    asked = _ASKED_PER_PLACE * top
    while True:
        ranked = library.ranker.rank(query, top=asked)
        clip_ids = [place.clip_id for place in ranked]
        clips = clips_by_id(clip_ids)
        profiles = profiles_of(clip_ids, model_versions=matcher.audio_models)
        groups = group_takes(
            Take(clip_id, clips[clip_id].source_url, profiles[clip_id][matcher.told_in.name])
            for clip_id in clip_ids
        )
        if len(groups) >= top or len(ranked) < asked:
            return ranked, groups, clips, profiles
        asked *= 4


def _explanations(
    scene: Profiles, clip: Profiles, matcher: Matcher, library: SearchableLibrary
) -> tuple[Explanation, ...]:
    """Explain in each space, the one in which the matcher's results are told first."""
    log_rows = matcher.log_rows(clip)
    spaces = sorted(matcher.spaces, key=lambda space: space is not matcher.told_in)
    return tuple(
        explain(
            space,
            scene=scene[space.name],
            clip_log_row=log_rows[space.name],
            library_mean_log_row=library.mean_log_rows[space.name],
        )
        for space in spaces
    )
