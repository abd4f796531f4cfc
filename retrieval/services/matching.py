"""Find the recordings that fit a photo."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.distributions import Distribution
from retrieval.engine.errors import EngineError
from retrieval.engine.explanation import Explanation, explain
from retrieval.engine.matchers import Matcher
from retrieval.engine.registry import ImageClassifier
from retrieval.models import Clip
from retrieval.selectors.library import clips_by_id
from retrieval.services.indexing import SearchableLibrary


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


def profile_photo(
    pixels: NDArray[np.uint8], *, classifier: ImageClassifier, matcher: Matcher
) -> dict[str, Distribution]:
    """Return the photo's distribution in each of the matcher's spaces."""
    probabilities = classifier.classify(pixels[np.newaxis])[0]
    return {space.name: space.scene_profile(probabilities) for space in matcher.spaces}


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
