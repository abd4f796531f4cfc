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
from retrieval.models import Clip, Match, MatchRun, Scene
from retrieval.selectors.library import clips_that_play
from retrieval.selectors.profiling import profiling_is_open
from retrieval.selectors.results import (
    best_served_matches,
    divergence_nats,
    matches_of,
    played_matches,
    run_is_stored,
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
    "fused": _("Our mix"),
    "heard": _("By sounds"),
    "paper": _("Original method"),
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
    """Everything that the result page shows.

    `best` is the recording in the player: the best one, or the one that the visitor has chosen.
    `lacks_choice` says that the chosen one is not among the matches, or has been withdrawn.
    `matcher_query` precedes other parts of an address: empty for the scene's own matcher.
    `takes` holds the other takes of all matches that can still be played, by id.
    """

    fits: bool
    is_filtered: bool
    is_fallback: bool
    is_chosen: bool
    lacks_choice: bool
    matcher_query: str
    best: Match
    alternatives: tuple[Match, ...]
    later: tuple[Match, ...]
    takes: dict[int, Clip]
    of_sounds: bool
    divergence_nats: float
    would_hear: tuple[dict[str, str], ...]
    top_classes: tuple[dict[str, Any], ...]
    provenance: Provenance
    compared: tuple[ComparedMatcher, ...]

    @property
    def matches(self) -> tuple[Match, ...]:
        """All matches, the best first."""
        return (self.best, *self.alternatives, *self.later)

    def why(self, match: Match) -> dict[str, Any]:
        """Return the classes by which a match beats the average recording, with their names."""
        explanation = match.explanations[0]

        def name(label: dict[str, Any]) -> str:
            return short_name(ClassLabel(**label)) if self.of_sounds else str(label["name"])

        return {
            "terms": [term | {"label": name(term["label"])} for term in explanation["terms"]],
            "rest_nats": explanation["rest_nats"],
            "total_nats": explanation["total_nats"],
        }

    @property
    def shown_query(self) -> str:
        """The query of the address at which others see what is shown."""
        chosen = f"clip={self.best.clip_id}" if self.is_chosen else ""
        return f"{self.matcher_query}{chosen}".removesuffix("&")

    @property
    def all_withdrawn(self) -> bool:
        """Whether every recording of the result has been withdrawn."""
        return self.best.clip.removed_in is not None


class NothingPassesError(Exception):
    """No recording passes the filter of a result."""


def result_of(scene: Scene, *, matcher: str | None = None, clip: str | None = None) -> ResultView:
    """Return the result of a finished scene, by its own matcher or by another one.

    A withdrawn recording keeps its rank but is not played: the best match is the first of the
    others. Only if all are withdrawn, the best match is one of them. `clip` is the id of a
    recording that is to be shown in place of the best one.

    Raises
    ------
    NothingPassesError
        If no recording was found.
    """
    if scene.run is None:
        raise ValueError(f"scene {scene.pk} is {scene.state}: it has no result yet")
    runs = runs_by_matcher(scene)
    run = (matcher in MATCHER_WORDS and runs.get(matcher)) or scene.run
    spaces = matcher_named(run.matcher).spaces
    matches = matches_of(run)
    if not matches and run_is_stored(run):  # else it was deleted during this request
        raise NothingPassesError(f"nothing passes {run.clip_filter}")
    served = [at for at, match in enumerate(matches) if match.clip.removed_in is None]
    first = served[0] if served else 0
    chosen = next((at for at in served if str(matches[at].clip_id) == clip), None)
    # Said of the photo, whichever way to match is shown.
    judged = matches[first]
    if run != scene.run:
        judged = played_matches([scene.run]).get(scene.run.pk, judged)
    takes = clips_that_play(take for match in matches for take in match.takes)
    best = matches.pop(first if chosen is None else chosen)
    space = best.explanations[0]["space"]
    sounds = next((one for one in spaces if isinstance(one, HeardSpace)), None)
    of_sounds = sounds is not None and sounds.name == space
    return ResultView(
        fits=_fits(judged),
        is_filtered=bool(run.clip_filter),
        is_fallback=matcher is None and _is_fallback(run),
        is_chosen=chosen is not None,
        lacks_choice=clip is not None and chosen is None,
        matcher_query="" if run.pk == scene.run.pk else f"matcher={run.matcher}&",
        best=best,
        alternatives=tuple(matches[:FIRST_ALTERNATIVES]),
        later=tuple(matches[FIRST_ALTERNATIVES:]),
        takes=takes,
        of_sounds=of_sounds,
        divergence_nats=divergence_nats(best, space=space),
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
