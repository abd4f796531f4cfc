"""Find the recordings that fit a photo."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.distributions import Distribution
from retrieval.engine.errors import EngineError
from retrieval.engine.explanation import Explanation, explain
from retrieval.engine.matchers import Matcher
from retrieval.engine.registry import ModelRegistry
from retrieval.models import Clip
from retrieval.selectors.library import clips_by_id, library_state
from retrieval.services.indexing import SearchableLibrary, open_library


@dataclass(frozen=True, slots=True)
class FoundClip:
    """A recording at its place, with what speaks for it in each space."""

    rank: int
    clip: Clip
    score: float
    divergences_nats: Mapping[str, float]
    explanations: tuple[Explanation, ...]


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The recordings found in one state of the library."""

    snapshot: int
    library_size: int
    found: tuple[FoundClip, ...]
    search_seconds: float


class SoundFinder:
    """A process's means to find sounds: the image model and the library, both kept open.

    Parameters
    ----------
    matcher : Matcher
        The recipe.
    registry : ModelRegistry
        Where the image model comes from when it is first needed.
    index_directory : Path
        Where the matcher's index lies.
    """

    def __init__(self, matcher: Matcher, *, registry: ModelRegistry, index_directory: Path) -> None:
        self.matcher = matcher
        self._registry = registry
        self._index_directory = index_directory
        self._library: SearchableLibrary | None = None

    def warm(self) -> None:
        """Load the model and the library before somebody waits for them."""
        self._registry.warm(images=True, sounds=False)
        self._newest_library()

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the photo that `profile` takes."""
        return self._registry.image_classifier().input_shape

    def profile(self, pixels: NDArray[np.uint8]) -> dict[str, Distribution]:
        """Return the distribution of a photo, uint8 [side, side, 3], in each of the spaces."""
        probabilities = self._registry.image_classifier().classify(pixels[np.newaxis])[0]
        return {space.name: space.scene_profile(probabilities) for space in self.matcher.spaces}

    def search(self, scene: Mapping[str, Distribution], *, top: int) -> SearchResult:
        """Rank the newest library for a photo.

        Raises
        ------
        EngineError
            With code ``library_empty`` if there is nothing to search.
        """
        return search(scene, matcher=self.matcher, library=self._newest_library(), top=top)

    def _newest_library(self) -> SearchableLibrary:
        if self._library is None or self._library.snapshot != library_state().snapshot:
            self._library = open_library(self.matcher, directory=self._index_directory)
        return self._library


def search(
    scene: Mapping[str, Distribution], *, matcher: Matcher, library: SearchableLibrary, top: int
) -> SearchResult:
    """Rank the whole library for a photo and explain the first `top`.

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
    ranked = library.ranker.rank(matcher.query(scene), top=top)
    search_seconds = time.perf_counter() - started
    clips = clips_by_id(place.clip_id for place in ranked)
    mean = matcher.split(library.mean_row())
    found = []
    for place in ranked:
        row = library.index.rows[place.position]
        by_space = matcher.split(row)
        found.append(
            FoundClip(
                rank=place.rank,
                clip=clips[place.clip_id],
                score=place.score,
                divergences_nats=matcher.divergences(scene, row),
                explanations=tuple(
                    explain(
                        space,
                        scene=scene[space.name],
                        clip_log_row=by_space[space.name],
                        library_mean_log_row=mean[space.name],
                    )
                    for space in matcher.spaces
                ),
            )
        )
    return SearchResult(library.snapshot, library.size, tuple(found), search_seconds)
