"""What the pages show of a scene and of the recordings found for it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from django.conf import settings
from django.urls import reverse

from retrieval.catalogue.licences import LICENCES
from retrieval.engine.matching.recipes import matcher_named
from retrieval.engine.matching.strength import Strength
from retrieval.engine.spaces.distributions import Distribution
from retrieval.engine.spaces.space import ClassSpace, HeardSpace
from retrieval.engine.vocabulary.labels import ClassLabel
from retrieval.engine.vocabulary.sounds import short_name
from retrieval.models import Clip, Match, MatchRun, Scene, SceneProfile
from retrieval.selectors.profiling import profiling_is_open

TARGET_LUFS: Final = -20.0
MAX_TRUE_PEAK_DBTP: Final = -1.0
DUAL_MONO_LU: Final = 3.01
"""One channel comes out of two loudspeakers: twice the power (ITU-R BS.1770 sums channels)."""

FITS_ABOVE_NATS: Final = 1.0
"""In runs from before strengths: a best match that beats the average recording by less is said
not to fit."""

FIRST_ALTERNATIVES: Final = 4
_WAVEFORM_BINS: Final = 200
_TOP_CLASSES: Final = 5
_TOP_SOUNDS: Final = 5
_LEAST_SHARE_TOLD: Final = 0.04

MATCHER_WORDS: Final = {
    "fused": "by sounds and things",
    "heard": "by what one hears there",
    "paper": "by things, as in the paper",
}
"""The matchers in the order in which they are shown, and what they go by."""
_VERSION_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class SoundShare:
    """A sound in a few words, with how surely it is heard or how much of all it is."""

    name: str
    share: float


@dataclass(frozen=True, slots=True)
class PlayableClip:
    """A recording as a player needs it."""

    id: int
    title: str
    author: str
    license_name: str
    license_url: str
    license_free: bool
    source_url: str
    tags: tuple[str, ...]
    sounds: tuple[SoundShare, ...]
    audio_url: str
    download_url: str
    media_type: str
    duration_s: float
    gain_db: float
    loudness_lufs: float | None
    peaks: tuple[int, ...]
    withdrawn: bool


@dataclass(frozen=True, slots=True)
class MatchView:
    """A recording at its place."""

    rank: int
    clip: PlayableClip
    divergence_nats: float
    total_nats: float
    strength: str
    other_takes: int


@dataclass(frozen=True, slots=True)
class Provenance:
    """What made a result, so that it can be made again."""

    matcher_name: str
    matcher: str
    image_model: str
    audio_models: tuple[str, ...]
    bank: str
    snapshot: int
    library_size: int
    search_ms: float
    matched_at: datetime


@dataclass(frozen=True, slots=True)
class ComparedMatcher:
    """Another way to match the same photo in the same library, and what it puts first."""

    name: str
    words: str
    best_title: str
    strength: str
    shown: bool


@dataclass(frozen=True, slots=True)
class ResultView:
    """All that the result page shows."""

    fits: bool
    stand_in: bool
    best: MatchView
    alternatives: tuple[MatchView, ...]
    later: tuple[MatchView, ...]
    why: dict[str, Any]
    would_hear: tuple[SoundShare, ...]
    top_classes: tuple[dict[str, Any], ...]
    provenance: Provenance
    compared: tuple[ComparedMatcher, ...]

    @property
    def more_count(self) -> int:
        """How many alternatives are not shown at first."""
        return len(self.later)

    @property
    def all_withdrawn(self) -> bool:
        """Say whether no recording of the result is in the library any more."""
        return self.best.clip.withdrawn


def result_of(scene: Scene, *, matcher: str | None = None) -> ResultView:
    """Return the result of a scene that is done, by its own matcher or by another one.

    A recording withdrawn since then keeps its place but is not played; the best is the first of
    the others. Only where all were withdrawn the best is one of them.
    """
    if scene.run is None:
        raise ValueError(f"scene {scene.pk} is {scene.state}: it has no result yet")
    runs = _runs_beside(scene, scene.run)
    run = next((run for run in runs if run.matcher == matcher), scene.run)
    spaces = matcher_named(run.matcher).spaces
    matches = list(_matches(run))
    views = [_match_view(match) for match in matches]
    place = next((at for at, view in enumerate(views) if not view.clip.withdrawn), 0)
    best, others = views[place], [*views[:place], *views[place + 1 :]]
    explanation = matches[place].explanations[0]
    sounds = next((one for one in spaces if isinstance(one, HeardSpace)), None)
    of_sounds = sounds is not None and sounds.name == explanation["space"]
    return ResultView(
        fits=_fits(best),
        stand_in=matcher is None and _stands_in(run),
        best=best,
        alternatives=tuple(others[:FIRST_ALTERNATIVES]),
        later=tuple(others[FIRST_ALTERNATIVES:]),
        why=_why(explanation, best.divergence_nats, of_sounds=of_sounds),
        would_hear=tuple(_would_hear(run, sounds)) if sounds and of_sounds else (),
        top_classes=tuple(_top_classes(run, spaces[0])),
        provenance=_provenance(run),
        compared=_compared(runs, shown=run),
    )


def _stands_in(run: MatchRun) -> bool:
    """Say whether the photo would be answered better once recordings are described anew."""
    return run.matcher != settings.SOUNDSCAPE_MATCHER and profiling_is_open()


def _fits(best: MatchView) -> bool:
    """Say whether the best is worth hearing, not only the nearest."""
    return best.strength != Strength.NONE if best.strength else best.total_nats >= FITS_ABOVE_NATS


def _runs_beside(scene: Scene, run: MatchRun) -> list[MatchRun]:
    """Return what each matcher found for the same photo in the same library, this run included.

    None from later searches, nor of another table: one may have changed, and changed back, which
    moves no snapshot.
    """
    beside = MatchRun.objects.filter(
        photo_sha256=run.photo_sha256, snapshot=run.snapshot, created_at__lte=scene.finished_at
    )
    alike = [other for other in beside.order_by("id") if _are_models_alike(other, run)]
    newest = {other.matcher: other for other in alike} | {run.matcher: run}
    return [newest[name] for name in MATCHER_WORDS if name in newest] or [run]


def _are_models_alike(one: MatchRun, other: MatchRun) -> bool:
    """Say whether two matchers' runs are of the same models; those of other spaces may be."""
    ours, theirs = one.model_versions, other.model_versions
    if ours.keys() == theirs.keys():
        return bool(ours == theirs)
    return _image_networks(ours) == _image_networks(theirs)


def _image_networks(model_versions: dict[str, dict[str, str]]) -> set[str]:
    return {models["image"].partition("+")[0] for models in model_versions.values()}


def _compared(runs: Sequence[MatchRun], *, shown: MatchRun) -> tuple[ComparedMatcher, ...]:
    if len(runs) < 2:
        return ()
    playable_matches = Match.objects.filter(run__in=runs, clip__removed_in=None)
    first = playable_matches.order_by("run_id", "rank").distinct("run_id")
    heard_first = {
        run_id: (title, strength)
        for run_id, title, strength in first.values_list("run_id", "clip__title", "strength")
    }
    return tuple(
        ComparedMatcher(
            name=run.matcher,
            words=MATCHER_WORDS[run.matcher],
            best_title=heard_first[run.pk][0],
            strength=heard_first[run.pk][1],
            shown=run.pk == shown.pk,
        )
        for run in runs
        if run.pk in heard_first
    )


def _would_hear(run: MatchRun, space: HeardSpace) -> Iterable[SoundShare]:
    """Yield what one would hear in the photo's scenery: the largest, and all that counts."""
    for place, (index, share) in enumerate(_scene_profile(run, space).largest(_TOP_SOUNDS)):
        if place == 0 or share >= _LEAST_SHARE_TOLD:
            yield SoundShare(short_name(space.vocabulary[index]), share)


def _top_classes(run: MatchRun, space: ClassSpace) -> Iterable[dict[str, Any]]:
    """Yield the classes that the photo shows most."""
    for index, share in _scene_profile(run, space).largest(_TOP_CLASSES):
        yield {"label": space.vocabulary[index].name, "share": share}


def _scene_profile(run: MatchRun, space: ClassSpace) -> Distribution:
    profile = SceneProfile.objects.get(
        photo_sha256=run.photo_sha256,
        space_id=space.name,
        model_version=run.model_versions[space.name]["image"],
    )
    return Distribution(profile.distribution)


def gain_db(*, loudness_lufs: float | None, true_peak_dbtp: float, channels: int) -> float:
    """Return the gain that brings a recording to the one loudness of all.

    Its true peak stays at or below `MAX_TRUE_PEAK_DBTP`: a recording of few loud moments plays
    more softly than the others rather than distorted.
    """
    headroom = MAX_TRUE_PEAK_DBTP - true_peak_dbtp
    if loudness_lufs is None:
        return min(0.0, headroom)
    heard = loudness_lufs + (DUAL_MONO_LU if channels == 1 else 0.0)
    return min(TARGET_LUFS - heard, headroom)


def _matches(run: MatchRun) -> Any:
    return run.matches.select_related("clip").prefetch_related("divergences").order_by("rank")


def _match_view(match: Match) -> MatchView:
    explanation = match.explanations[0]
    divergences = {row.space_id: row.divergence_nats for row in match.divergences.all()}
    return MatchView(
        rank=match.rank,
        clip=playable(match.clip),
        divergence_nats=divergences[explanation["space"]],
        total_nats=explanation["total_nats"],
        strength=match.strength,
        other_takes=len(match.takes),
    )


def playable(clip: Clip) -> PlayableClip:
    """Return a recording as a player needs it."""
    licence = LICENCES[clip.license]
    url = reverse("retrieval:clip_audio", args=[clip.pk, audio_version(clip)])
    return PlayableClip(
        id=clip.pk,
        title=clip.title,
        author=clip.author,
        license_name=licence.name,
        license_url=clip.license_url,
        license_free=licence.free,
        source_url=clip.source_url,
        tags=tuple(clip.tags),
        sounds=tuple(SoundShare(sound["name"], sound["score"]) for sound in clip.sounds),
        audio_url=url,
        download_url=f"{url}?download=1",
        media_type=clip.played_media_type,
        duration_s=clip.duration_s,
        gain_db=gain_db(
            loudness_lufs=clip.loudness_lufs,
            true_peak_dbtp=clip.true_peak_dbtp,
            channels=clip.channels,
        ),
        loudness_lufs=clip.loudness_lufs,
        peaks=_waveform(bytes(clip.peaks)),
        withdrawn=clip.removed_in is not None,
    )


def audio_version(clip: Clip) -> str:
    """Return what changes in a recording's address whenever another file is played for it.

    The played file's name holds its content's hash and tells a preview from an original.
    """
    return hashlib.sha256(clip.played_name.encode()).hexdigest()[:_VERSION_DIGITS]


def _waveform(peaks: bytes) -> tuple[int, ...]:
    """Return fewer bins, each the largest of those it stands for."""
    bins = np.array_split(np.frombuffer(peaks, dtype=np.uint8), _WAVEFORM_BINS)
    return tuple(int(part.max()) for part in bins if part.size)


def _why(explanation: dict[str, Any], divergence_nats: float, *, of_sounds: bool) -> dict[str, Any]:
    return {
        "of_sounds": of_sounds,
        "terms": [
            {
                "label": short_name(ClassLabel(**term["label"]))
                if of_sounds
                else term["label"]["name"],
                "scene_share": term["scene_share"],
                "clip_share": term["clip_share"],
                "advantage_nats": term["advantage_nats"],
            }
            for term in explanation["terms"]
        ],
        "rest_nats": explanation["rest_nats"],
        "total_nats": explanation["total_nats"],
        "divergence_nats": divergence_nats,
    }


def _bank_in_words(version: str) -> str:
    """Say what scores were judged against."""
    if version.startswith("photos-"):
        return "the photos of this site"
    return "every class of the image model" if version else ""


def _provenance(run: MatchRun) -> Provenance:
    models = list(run.model_versions.values())
    return Provenance(
        matcher_name=run.matcher,
        matcher=f"{run.matcher} v{run.matcher_version}",
        image_model=models[0]["image"].partition("@")[0],
        audio_models=tuple(sorted(model["audio"].partition("@")[0] for model in models)),
        bank=_bank_in_words(run.bank),
        snapshot=run.snapshot,
        library_size=run.library_size,
        search_ms=run.search_seconds * 1000,
        matched_at=run.created_at,
    )
