"""Find the recordings that fit a photo."""

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
from retrieval.engine.matching.recipes import MATCHERS
from retrieval.engine.matching.takes import Take, TakeGroup, group_takes
from retrieval.engine.networks.registry import ModelRegistry
from retrieval.models import Clip
from retrieval.selectors.library import clips_by_id, library_has_clips, library_state, profiles_of
from retrieval.selectors.matchers import matchers_in_force
from retrieval.services.indexing import SearchableLibrary, open_library

FALLBACK: Final = "paper"
LEAST_COVERAGE: Final = 0.5
"""A matcher that knows less of the library than this is not yet asked: its profiles are made."""

_ASKED_PER_PLACE: Final = 3  # one recording has seldom more takes than that among the best
_MOST_ASKED: Final = 64  # so many takes of one are a collection


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
    """The recordings that one matcher found for a photo in one state of the library."""

    matcher: Matcher
    scene: Profiles
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
    load_matchers : callable
        Returns matchers by their names, as they are in force at one moment.
    """

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
        """Load the model, the libraries and the banks before somebody waits for them."""
        self._registry.warm(images=True)
        snapshot = library_state().snapshot
        for matcher in self._matchers():
            self._library(matcher, snapshot)
            matcher.bank.moments  # noqa: B018 # loaded when first asked for

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of each view of a photo that `look` takes."""
        return self._registry.image_classifier().input_shape

    def look(self, views: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return what the image model says of a photo.

        Parameters
        ----------
        views : uint8 [shape=(n, side, side, 3)]
            Its views, the centre first.

        Returns
        -------
        float64 [shape=(n, classes)]
            A distribution for each view, for `Matcher.scene`.
        """
        return self._registry.image_classifier().classify(views)

    def search(self, seen: NDArray[np.float64], *, top: int) -> SearchResult:
        """Rank the newest library for a photo, by the matcher that counts and no other.

        Raises
        ------
        EngineError
            As `search` does.
        """
        (matcher,) = self._load_matchers([self.name])
        library = self._library(matcher, library_state().snapshot)
        return search(seen, matcher=matcher, library=library, top=top)

    def search_all(self, seen: NDArray[np.float64], *, top: int) -> list[SearchResult]:
        """Rank the newest library by every matcher that knows it, the one that counts first.

        Where that knows too little of the library yet, the paper's takes its place: its profiles
        are always there.

        Raises
        ------
        EngineError
            As `search` does, if no matcher knows anything.
        """
        matchers, snapshot = self._matchers(), library_state().snapshot
        libraries = {matcher.name: self._library(matcher, snapshot) for matcher in matchers}
        self._libraries = {one.matcher.rows_version: one for one in libraries.values()}
        least = max(1, LEAST_COVERAGE * libraries[FALLBACK].size)
        knowing = [matcher for matcher in matchers if libraries[matcher.name].size >= least]
        return [
            search(seen, matcher=matcher, library=libraries[matcher.name], top=top)
            for matcher in knowing or self._load_matchers([FALLBACK])
        ]

    def _matchers(self) -> list[Matcher]:
        return self._load_matchers(list(dict.fromkeys([self.name, *MATCHERS])))

    def _library(self, matcher: Matcher, snapshot: int) -> SearchableLibrary:
        """Return the library that matches a matcher's rows; matchers of the same rows share it."""
        known = self._libraries.get(matcher.rows_version)
        if known is None or known.snapshot != snapshot:
            known = open_library(matcher, directory=self._index_directory)
            self._libraries[matcher.rows_version] = known
        return known


def search(
    seen: NDArray[np.float64], *, matcher: Matcher, library: SearchableLibrary, top: int
) -> SearchResult:
    """Rank the whole library for a photo; judge and explain the first `top` recordings.

    Raises
    ------
    EngineError
        With code ``library_empty`` if there are no recordings, ``profiles_missing`` if there
        are, and the matcher knows none of them yet.
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
    """Rank as many clips as it takes to find `top` recordings, takes of one counted once."""
    query, told_in = matcher.query(scene), matcher.told_in(scene)
    asked = _ASKED_PER_PLACE * top
    while True:
        ranked = library.ranker.rank(query, top=asked)
        clip_ids = [place.clip_id for place in ranked]
        clips = clips_by_id(clip_ids)
        profiles = profiles_of(clip_ids, model_versions=matcher.audio_models)
        groups = group_takes(
            Take(clip_id, clips[clip_id].source_url, profiles[clip_id][told_in.name])
            for clip_id in clip_ids
        )
        if len(groups) >= top or len(ranked) < asked or asked == _MOST_ASKED * top:
            return ranked, groups, clips, profiles
        asked = min(4 * asked, _MOST_ASKED * top)


def _explanations(
    scene: Profiles, clip: Profiles, matcher: Matcher, library: SearchableLibrary
) -> tuple[Explanation, ...]:
    """Explain in each space, the one in which this photo's matches are told first."""
    log_rows, told_in = matcher.log_rows(clip), matcher.told_in(scene)
    spaces = sorted(matcher.spaces, key=lambda space: space is not told_in)
    return tuple(
        explain(
            space,
            scene=scene[space.name],
            clip_log_row=log_rows[space.name],
            library_mean_log_row=library.mean_log_rows[space.name],
        )
        for space in spaces
    )
