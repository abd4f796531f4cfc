"""The frame of a campaign: all units from which its sample is drawn."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q

from labelling.models import Adjudication, Campaign, Design, Pair, PairState, SetPhoto, Stratum
from labelling.selectors.pairs import gradable_pairs
from labelling.selectors.sceneries import UNKNOWN, kinds_of_photos
from retrieval.engine.matching.strength import Strength
from retrieval.models import Match, Scene
from retrieval.selectors.results import unfiltered_runs_of_scenes
from retrieval.selectors.scenes import judgeable_scenes

_PHOTOS_AT_ONCE: Final = 2000
_WEAKEST_FIRST: Final = [*(strength.value for strength in Strength), ""]


@dataclass(frozen=True, slots=True)
class Found:
    """A recording that a matcher found; `match_id` is None if its run was deleted since."""

    clip_id: int
    match_id: int | None = None
    matcher: str = ""
    strength: str = ""
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Unit:
    """A photo at a rank, with what each of the campaign's matchers found there, in their order.

    In a worklist of disputed pairs a unit is one pair, and its rank is its place there.
    """

    scene_id: UUID
    rank: int
    found: tuple[Found, ...]
    stratum: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """All units of a campaign in a fixed order, and what was left out.

    Attributes
    ----------
    units : tuple of Unit
        By scene and rank; those of a worklist by need, the first ones first.
    photos : int
        Photos of the set that may be judged now.
    not_judgeable : int
        Photos of the set that may not.
    without_result : mapping of str to int
        By matcher: photos without a result of it, which are left out whatever others found.
    incomplete : int
        Units that are left out because a recording was withdrawn, or a result is shorter.
    """

    units: tuple[Unit, ...]
    photos: int = 0
    not_judgeable: int = 0
    without_result: Mapping[str, int] = field(default_factory=dict)
    incomplete: int = 0


def frame_of(campaign: Campaign) -> Frame:
    """Return the frame of a campaign as the database is now.

    A photo is in the frame if it may be judged and each of the campaign's matchers has a result of
    it; else figures of the matchers would be of different photos.
    """
    if campaign.design == Design.DISPUTED:
        return _disputed_frame(campaign)
    frame = _photo_frame(campaign)
    if campaign.design == Design.STRATIFIED:
        return replace(frame, units=_with_strata(frame.units, Stratum(campaign.strata)))
    if campaign.design == Design.WEAKEST:
        return replace(frame, units=tuple(sorted(frame.units, key=_need)))
    return frame


def _photo_frame(campaign: Campaign) -> Frame:
    units: list[Unit] = []
    without: Counter[str] = Counter()
    photos = complete = 0
    for scenes in _batches_of_scenes(campaign.photo_set_id):
        photos += len(scenes)
        runs = _runs_by_scene(scenes, campaign.matchers)
        without.update(name for own in runs.values() for name in campaign.matchers if not own[name])
        served = {scene: own for scene, own in runs.items() if all(own.values())}
        complete += len(served)
        matches = _served_matches(
            [run for own in served.values() for run in own.values()], campaign.ranks
        )
        for scene_id, own in served.items():
            for rank in range(1, campaign.ranks + 1):
                found = [matches.get((own[name], rank)) for name in campaign.matchers]
                if all(found):
                    units.append(Unit(scene_id, rank, tuple(one for one in found if one)))
    in_set = SetPhoto.objects.filter(photo_set=campaign.photo_set_id).count()
    return Frame(
        units=tuple(units),
        photos=photos,
        not_judgeable=in_set - photos,
        without_result={name: without[name] for name in campaign.matchers if without[name]},
        incomplete=complete * campaign.ranks - len(units),
    )


def _batches_of_scenes(photo_set_id: int) -> Iterator[list[Scene]]:
    """Yield the scenes of a set that may be judged, by id."""
    of_set = judgeable_scenes().filter(set_photos__photo_set=photo_set_id)
    of_set = of_set.select_related("run").only("id", "finished_at", "run").order_by("id")
    # One query: PostgreSQL may sort the whole set again for each batch that begins after an id.
    rows = of_set.iterator(chunk_size=_PHOTOS_AT_ONCE)
    while scenes := list(islice(rows, _PHOTOS_AT_ONCE)):
        yield scenes


def _runs_by_scene(
    scenes: Sequence[Scene], matchers: Sequence[str]
) -> dict[UUID, dict[str, int | None]]:
    return {
        scene: {name: runs[name].pk if name in runs else None for name in matchers}
        for scene, runs in unfiltered_runs_of_scenes(scenes).items()
    }


def _served_matches(runs: Sequence[int | None], ranks: int) -> dict[tuple[int | None, int], Found]:
    """Return the matches of runs whose recordings are not withdrawn, by run and rank."""
    rows = Match.objects.filter(run__in=runs, rank__lte=ranks, clip__removed_in=None).values_list(
        "run_id", "rank", "clip_id", "id", "run__matcher", "strength", "score"
    )
    return {
        (run, rank): Found(clip, match, matcher, strength, score)
        for run, rank, clip, match, matcher, strength, score in rows
    }


def _need(unit: Unit) -> tuple[int, float, UUID, int]:
    """Return the key that sorts the weakest first: by strength, then by score.

    The match of the campaign's first matcher decides; scores of different matchers do not compare.
    Matches without a strength, of `paper` or older than it, come last.
    """
    first = unit.found[0]
    return _WEAKEST_FIRST.index(first.strength), first.score, unit.scene_id, unit.rank


def _with_strata(units: tuple[Unit, ...], strata: Stratum) -> tuple[Unit, ...]:
    if strata is Stratum.RANK:  # two digits, so that names sort as numbers do
        return tuple(replace(unit, stratum=f"{unit.rank:02}") for unit in units)
    if strata is Stratum.STRENGTH:
        return tuple(replace(unit, stratum=unit.found[0].strength or UNKNOWN) for unit in units)
    groups = _scenery_groups(sorted({unit.scene_id for unit in units}))
    return tuple(replace(unit, stratum=groups.get(unit.scene_id, UNKNOWN)) for unit in units)


def _scenery_groups(scene_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return the scenery groups of the photos that have a profile."""
    photos: dict[UUID, str] = {}
    for start in range(0, len(scene_ids), _PHOTOS_AT_ONCE):
        of_some = Scene.objects.filter(pk__in=scene_ids[start : start + _PHOTOS_AT_ONCE])
        photos |= dict(of_some.values_list("pk", "photo_sha256"))
    kinds = kinds_of_photos(photos.values())
    return {pk: kinds[photo].scenery for pk, photo in photos.items() if photo in kinds}


def _disputed_frame(campaign: Campaign) -> Frame:
    """Return the pairs on which reviewers of another campaign disagreed, in the order there.

    Those are the pairs that wait for a lead's decision, and those that a lead decided although
    the grades differ.
    """
    opinions = Count("grades__grade", distinct=True)
    decided = Adjudication.objects.filter(pair=OuterRef("pk"), revoked_at=None)
    rows = list(
        gradable_pairs()
        .filter(campaign=campaign.disputed_in_id)
        .annotate(opinions=opinions, decided=Exists(decided))
        .filter(
            Q(state=PairState.DISPUTED) | Q(state=PairState.SETTLED, decided=True, opinions__gte=2)
        )
        .order_by("position")
        .values_list("scene_id", "position", "clip_id", "id")
    )
    matches: dict[int, list[int]] = defaultdict(list)
    through = Pair.matches.through.objects.filter(pair__in=[row[-1] for row in rows])
    for pair_id, match_id in through.order_by("match_id").values_list("pair_id", "match_id"):
        matches[pair_id].append(match_id)
    units = tuple(
        Unit(
            scene_id,
            position,
            tuple(Found(clip_id, match_id) for match_id in matches[pair_id] or (None,)),
        )
        for scene_id, position, clip_id, pair_id in rows
    )
    return Frame(units=units, photos=len({unit.scene_id for unit in units}))
