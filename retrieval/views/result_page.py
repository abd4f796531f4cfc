"""The content of the result page: a scene and the recordings found for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from retrieval.engine.matching.recipes import matcher_named
from retrieval.engine.matching.strength import Strength
from retrieval.engine.spaces.space import ClassSpace, HeardSpace
from retrieval.engine.vocabulary.labels import ClassLabel
from retrieval.engine.vocabulary.sounds import short_name
from retrieval.models import Match, MatchRun, Scene
from retrieval.selectors.profiling import profiling_is_open
from retrieval.selectors.results import (
    best_served_matches,
    divergence_nats,
    matches_of,
    runs_by_matcher,
    scene_profile,
)

FITS_ABOVE_NATS: Final = 1.0
"""In runs without strengths, a best match that beats the average recording by less is said not to
fit."""

FIRST_ALTERNATIVES: Final = 4
_TOP_CLASSES: Final = 5
_TOP_SOUNDS: Final = 5
_SMALLEST_SHARE_SHOWN: Final = 0.04

MATCHER_WORDS: Final = {
    "fused": _("by sounds and things"),
    "heard": _("by what one hears there"),
    "paper": _("by things, as in the paper"),
}
"""The matchers in the page's order, with the page's names for them."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """A run, with the names of the models and bank that it used."""

    run: MatchRun
    image_model: str
    audio_models: tuple[str, ...]
    bank: str
    search_ms: float


@dataclass(frozen=True, slots=True)
class ComparedMatcher:
    """A matcher and its best match for the same photo in the same library."""

    name: str
    words: str
    best_title: str
    strength: str
    shown: bool


@dataclass(frozen=True, slots=True)
class ResultView:
    """Everything that the result page shows."""

    fits: bool
    is_fallback: bool
    best: Match
    alternatives: tuple[Match, ...]
    later: tuple[Match, ...]
    why: dict[str, Any]
    would_hear: tuple[dict[str, str], ...]
    top_classes: tuple[dict[str, Any], ...]
    provenance: Provenance
    compared: tuple[ComparedMatcher, ...]

    @property
    def matches(self) -> tuple[Match, ...]:
        """All matches, the best first."""
        return (self.best, *self.alternatives, *self.later)

    @property
    def all_withdrawn(self) -> bool:
        """Whether every recording of the result has been withdrawn."""
        return self.best.clip.removed_in is not None


def result_of(scene: Scene, *, matcher: str | None = None) -> ResultView:
    """Return the result of a finished scene, by its own matcher or by another one.

    A withdrawn recording keeps its rank but is not played: the best match is the first of the
    others. Only if all are withdrawn, the best match is one of them.
    """
    if scene.run is None:
        raise ValueError(f"scene {scene.pk} is {scene.state}: it has no result yet")
    runs = runs_by_matcher(scene)
    run = (matcher in MATCHER_WORDS and runs.get(matcher)) or scene.run
    spaces = matcher_named(run.matcher).spaces
    matches = matches_of(run)
    served = (at for at, match in enumerate(matches) if match.clip.removed_in is None)
    best = matches.pop(next(served, 0))
    explanation = best.explanations[0]
    sounds = next((one for one in spaces if isinstance(one, HeardSpace)), None)
    of_sounds = sounds is not None and sounds.name == explanation["space"]
    return ResultView(
        fits=_fits(best),
        is_fallback=matcher is None and _is_fallback(run),
        best=best,
        alternatives=tuple(matches[:FIRST_ALTERNATIVES]),
        later=tuple(matches[FIRST_ALTERNATIVES:]),
        why=_why(best, of_sounds=of_sounds),
        would_hear=tuple(_would_hear(run, sounds)) if sounds and of_sounds else (),
        top_classes=tuple(_top_classes(run, spaces[0])),
        provenance=_provenance(run),
        compared=_compared([runs[name] for name in MATCHER_WORDS if name in runs], shown=run),
    )


def _is_fallback(run: MatchRun) -> bool:
    """Return whether another matcher would answer once all recordings have profiles."""
    return run.matcher != settings.SOUNDSCAPE_MATCHER and profiling_is_open()


def _fits(best: Match) -> bool:
    """Return whether the best match fits the photo, rather than only being the nearest."""
    if best.strength:
        return best.strength != Strength.NONE
    return bool(best.explanations[0]["total_nats"] >= FITS_ABOVE_NATS)


def _compared(runs: Sequence[MatchRun], *, shown: MatchRun) -> tuple[ComparedMatcher, ...]:
    if len(runs) < 2:
        return ()
    best = best_served_matches(runs)
    return tuple(
        ComparedMatcher(
            name=run.matcher,
            words=str(MATCHER_WORDS[run.matcher]),
            best_title=best[run.pk].clip.title,
            strength=best[run.pk].strength,
            shown=run.pk == shown.pk,
        )
        for run in runs
        if run.pk in best
    )


def _would_hear(run: MatchRun, space: HeardSpace) -> Iterable[dict[str, str]]:
    """Yield the sounds of the photo's scenery: the largest, and others of at least 4 %."""
    for place, (index, share) in enumerate(scene_profile(run, space).largest(_TOP_SOUNDS)):
        if place == 0 or share >= _SMALLEST_SHARE_SHOWN:
            yield {"name": short_name(space.vocabulary[index])}


def _top_classes(run: MatchRun, space: ClassSpace) -> Iterable[dict[str, Any]]:
    """Yield the photo's most probable classes."""
    for index, share in scene_profile(run, space).largest(_TOP_CLASSES):
        yield {"label": space.vocabulary[index].name, "share": share}


def _why(best: Match, *, of_sounds: bool) -> dict[str, Any]:
    explanation = best.explanations[0]

    def name(label: dict[str, Any]) -> str:
        return short_name(ClassLabel(**label)) if of_sounds else str(label["name"])

    return {
        "of_sounds": of_sounds,
        "terms": [term | {"label": name(term["label"])} for term in explanation["terms"]],
        "rest_nats": explanation["rest_nats"],
        "total_nats": explanation["total_nats"],
        "divergence_nats": divergence_nats(best, space=explanation["space"]),
    }


def _bank_description(version: str) -> str:
    """Name the bank against which scores were judged."""
    if version.startswith("photos-"):
        return gettext("the photos of this site")
    return gettext("every class of the image model") if version else ""


def _provenance(run: MatchRun) -> Provenance:
    models = list(run.model_versions.values())
    return Provenance(
        run=run,
        image_model=models[0]["image"].partition("@")[0],
        audio_models=tuple(sorted(model["audio"].partition("@")[0] for model in models)),
        bank=_bank_description(run.bank),
        search_ms=run.search_seconds * 1000,
    )
