"""Draw a campaign's pairs: first as a preview that stores nothing, then for good."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models.functions import Now

from accounts.services.audit import record
from labelling.models import Campaign, CampaignState, Design, Pair
from labelling.sampling import (
    Sample,
    StratumDraw,
    pair_probability,
    shuffled,
    slots_per_pair,
    stratified_sample,
)
from labelling.selectors.frames import Frame, Unit, frame_of
from labelling.selectors.gold import usable_gold_pairs
from labelling.selectors.guidelines import showable_examples
from labelling.services.errors import (
    FrameChangedError,
    NothingToDrawError,
    SampleTooSmallError,
    TooFewGoldPairsError,
    WrongStateError,
)
from labelling.services.locks import lock_campaign
from retrieval.services.holds import hold_scenes

MOST_GOLD_NEEDED: Final = 20
"""Enough to tell a reviewer who grades half of them right from one who grades most right."""

# Rows of a draw are stored by SQL: as objects, they would take most of the time.
_STORE_PAIRS: Final = """
INSERT INTO labelling_pair (
    campaign_id, state, position, scene_id, clip_id, purpose, stratum, inclusion_probability,
    gold_grade, gold_reason
)
SELECT %s, 'open', drawn.* FROM unnest(
    %s::integer[], %s::uuid[], %s::bigint[], %s::text[], %s::text[], %s::float8[], %s::text[],
    %s::text[]
) AS drawn
"""

_STORE_MATCHES: Final = """
INSERT INTO labelling_pair_matches (pair_id, match_id)
SELECT pair.id, found.match_id
FROM unnest(%s::bigint[], %s::bigint[]) AS found (position, match_id)
JOIN labelling_pair AS pair ON pair.position = found.position AND pair.campaign_id = %s
"""

_STORE_SLOTS: Final = """
INSERT INTO labelling_slot (pair_id, campaign_id, position, number, state, extra)
SELECT pair.id, pair.campaign_id, pair.position, number, 'free', FALSE
FROM unnest(%s::integer[]) WITH ORDINALITY AS wanted (slots, position)
JOIN labelling_pair AS pair ON pair.position = wanted.position AND pair.campaign_id = %s
CROSS JOIN generate_series(1, wanted.slots) AS number
"""  # the first positions: gold pairs, which have the last, get none


@dataclass(frozen=True, slots=True)
class DrawnPair:
    """A pair of the draw; `inclusion_probability` is None unless it is in a random sample.

    A pair can belong to several drawn units; `stratum` is that of the first one in random order.
    """

    position: int
    scene_id: UUID
    clip_id: int
    purpose: str
    match_ids: tuple[int, ...] = ()
    stratum: str = ""
    inclusion_probability: float | None = None
    gold_grade: str = ""
    gold_reason: str = ""


@dataclass(frozen=True, slots=True)
class Draw:
    """What a campaign's design and seed choose now.

    Attributes
    ----------
    digest : str
        SHA-256 over all of it: what a lead saw in the preview is what they open.
    sample_digest : str
        SHA-256 over the frame, the design and the chosen pairs, which the seed repeats. Not over
        what can change later: the reviewers a pair, and the gold pairs.
    frame : Frame
        What was chosen from, and what was left out.
    units : int
        Units drawn: all of the frame if it has fewer than the campaign's size.
    strata : tuple of StratumDraw
        By label; empty for worklists.
    pairs : tuple of DrawnPair
        The sample or worklist, in order of position.
    gold : tuple of DrawnPair
        Gold pairs, with the positions after the sample's.
    gold_needed : int
        Fewest gold pairs with which the campaign can be opened.
    slots : int
        Grades wanted, without those of gold pairs.
    """

    digest: str
    sample_digest: str
    frame: Frame
    units: int
    strata: tuple[StratumDraw, ...]
    pairs: tuple[DrawnPair, ...]
    gold: tuple[DrawnPair, ...]
    gold_needed: int
    slots: int


def preview(*, campaign_id: int) -> Draw:
    """Return what a campaign would draw now; nothing is stored.

    A campaign that was drawn already can be drawn again: an equal digest of the sample shows that
    the seed repeats the draw.

    Raises
    ------
    SampleTooSmallError
        If a stratified sample has fewer units than strata.
    """
    return _draw(Campaign.objects.get(pk=campaign_id))


@transaction.atomic
def open_campaign(*, campaign_id: int, digest: str, lead_id: int) -> Campaign:
    """Draw a campaign's pairs, store them with their slots, and open it.

    The photos are kept from expiring until the campaign is closed.

    Parameters
    ----------
    campaign_id
        A draft with a published guideline.
    digest
        That of the preview which the lead accepted.
    lead_id
        The user who opens it.

    Raises
    ------
    WrongStateError
        If the campaign is no draft, or its guideline is not published.
    FrameChangedError
        If the draw is not that of the preview any more.
    NothingToDrawError, SampleTooSmallError, TooFewGoldPairsError
        If the design cannot be drawn.
    """
    campaign = lock_campaign(campaign_id=campaign_id)
    if campaign.state != CampaignState.DRAFT:
        raise WrongStateError(f"campaign {campaign_id} is {campaign.state}")
    if campaign.guideline.published_at is None:
        raise WrongStateError(f"guideline {campaign.guideline_id} is not published")
    draw = _draw(campaign)
    if not draw.pairs:
        raise NothingToDrawError(f"campaign {campaign_id} has an empty frame")
    if draw.digest != digest:
        raise FrameChangedError(f"campaign {campaign_id} draws {draw.digest}, not {digest}")
    if len(draw.gold) < draw.gold_needed:
        raise TooFewGoldPairsError(f"{len(draw.gold)} gold pairs of {draw.gold_needed}")
    scenes = {pair.scene_id for pair in (*draw.pairs, *draw.gold)}
    holder = f"campaign {campaign_id}"
    if hold_scenes(scene_ids=scenes, holder=holder) < len(scenes):
        raise FrameChangedError(f"a photo of campaign {campaign_id} was deleted meanwhile")
    examples = showable_examples(campaign.guideline_id)
    hold_scenes(scene_ids=[example.scene_id for example in examples], holder=holder)
    _store(campaign, draw)
    campaign.state, campaign.drawn_at = CampaignState.OPEN, Now()
    campaign.frame_units, campaign.draw_digest = len(draw.frame.units), draw.sample_digest
    campaign.save(update_fields=["state", "drawn_at", "frame_units", "draw_digest"])
    _record(campaign, draw, lead_id)
    campaign.refresh_from_db()
    return campaign


def _draw(campaign: Campaign) -> Draw:
    frame = frame_of(campaign)
    size = min(campaign.size, len(frame.units))
    if campaign.design in {Design.SIMPLE, Design.STRATIFIED}:
        try:
            sample = stratified_sample([unit.stratum for unit in frame.units], size, campaign.seed)
        except ValueError as error:
            raise SampleTooSmallError(str(error)) from error
        pairs = list(_sampled_pairs(frame.units, sample))
        strata = tuple(sorted(sample.strata, key=lambda stratum: str(stratum.label)))
    else:
        pairs = list(_listed_pairs(frame.units[:size], campaign.seed))
        strata = ()
    gold = _gold(campaign, pairs)
    sample_digest = _sample_digest(campaign, frame, pairs)
    return Draw(
        digest=_whole_digest(campaign, sample_digest, gold),
        sample_digest=sample_digest,
        frame=frame,
        units=size,
        strata=strata,
        pairs=tuple(pairs),
        gold=tuple(gold),
        gold_needed=_gold_needed(campaign, len(pairs)),
        slots=int(slots_per_pair(len(pairs), campaign.graders_per_pair, campaign.seed).sum()),
    )


def _sampled_pairs(units: Sequence[Unit], sample: Sample) -> Iterator[DrawnPair]:
    chosen = sample.chosen.tolist()
    places = _units_of_pairs(units, {units[index].scene_id for index in chosen})
    for position, (key, first) in enumerate(_pairs_in_order(units, chosen), start=1):
        of_pair = places[key]
        yield DrawnPair(
            position=position,
            scene_id=key[0],
            clip_id=key[1],
            purpose=Pair.Purpose.SAMPLE.value,
            match_ids=_matches_of(key, units, of_pair),
            stratum=units[first].stratum,
            inclusion_probability=pair_probability(sample, of_pair),
        )


def _listed_pairs(units: Sequence[Unit], seed: int) -> Iterator[DrawnPair]:
    places = _units_of_pairs(units, {unit.scene_id for unit in units})
    order = shuffled(len(units), seed).tolist()
    for position, (key, _) in enumerate(_pairs_in_order(units, order), start=1):
        yield DrawnPair(
            position=position,
            scene_id=key[0],
            clip_id=key[1],
            purpose=Pair.Purpose.WORKLIST.value,
            match_ids=_matches_of(key, units, places[key]),
        )


def _pairs_in_order(
    units: Sequence[Unit], chosen: Iterable[int]
) -> Iterator[tuple[tuple[UUID, int], int]]:
    """Yield scene and clip of each pair once, with the first chosen unit that it belongs to."""
    seen = set()
    for index in chosen:
        for found in units[index].found:
            key = (units[index].scene_id, found.clip_id)
            if key not in seen:
                seen.add(key)
                yield key, index


def _units_of_pairs(units: Sequence[Unit], scenes: set[UUID]) -> dict[tuple[UUID, int], list[int]]:
    """Return all units of the frame, drawn or not, that each pair of some scenes belongs to."""
    places: dict[tuple[UUID, int], list[int]] = defaultdict(list)
    for index, unit in enumerate(units):
        if unit.scene_id in scenes:
            for clip_id in {found.clip_id for found in unit.found}:
                places[unit.scene_id, clip_id].append(index)
    return places


def _matches_of(
    key: tuple[UUID, int], units: Sequence[Unit], places: Iterable[int]
) -> tuple[int, ...]:
    found = (found for index in places for found in units[index].found if found.clip_id == key[1])
    return tuple(one.match_id for one in found if one.match_id is not None)


def _gold(campaign: Campaign, pairs: Sequence[DrawnPair]) -> list[DrawnPair]:
    """Return all gold pairs of the set's photos that reviewers do not see otherwise, if wanted.

    They see the pairs of the sample, and the examples of the guideline with their grades.
    """
    if not campaign.gold_share and not campaign.qualification_pairs:
        return []
    seen = {(pair.scene_id, pair.clip_id) for pair in pairs}
    seen |= set(campaign.guideline.examples.values_list("scene_id", "clip_id"))
    usable = [
        gold
        for gold in usable_gold_pairs(campaign.photo_set_id)
        if (gold.scene_id, gold.clip_id) not in seen
    ]
    order = shuffled(len(usable), campaign.seed).tolist()
    return [
        DrawnPair(
            position=position,
            scene_id=usable[index].scene_id,
            clip_id=usable[index].clip_id,
            purpose=Pair.Purpose.GOLD.value,
            gold_grade=usable[index].grade,
            gold_reason=usable[index].reason,
        )
        for position, index in enumerate(order, start=len(pairs) + 1)
    ]


def _gold_needed(campaign: Campaign, pairs: int) -> int:
    """Return the fewest gold pairs: those of the qualification, and the share of the sample.

    The share counts up to `MOST_GOLD_NEEDED` pairs, since few reviewers grade a whole sample.
    """
    of_share = math.ceil(campaign.gold_share * pairs)
    return max(campaign.qualification_pairs, min(MOST_GOLD_NEEDED, of_share))


def _sample_digest(campaign: Campaign, frame: Frame, chosen: Iterable[DrawnPair]) -> str:
    design = (
        campaign.photo_set_id, list(campaign.matchers), campaign.ranks, str(campaign.design),
        str(campaign.strata), campaign.size, campaign.seed, campaign.disputed_in_id,
    )  # fmt: skip
    digest = hashlib.sha256(f"{design}\n".encode())
    for unit in frame.units:
        found = [(one.matcher, one.match_id, one.clip_id) for one in unit.found]
        digest.update(f"{unit.scene_id} {unit.rank} {unit.stratum!r} {found}\n".encode())
    for pair in chosen:
        digest.update(f"{pair}\n".encode())
    return digest.hexdigest()


def _whole_digest(campaign: Campaign, sample_digest: str, gold: Sequence[DrawnPair]) -> str:
    grading = (
        f"{campaign.graders_per_pair:.2f}", f"{campaign.gold_share:.2f}",
        campaign.qualification_pairs, f"{campaign.qualification_share:.2f}", campaign.guideline_id,
    )  # fmt: skip
    return hashlib.sha256(f"{sample_digest} {grading} {gold}".encode()).hexdigest()


def _store(campaign: Campaign, draw: Draw) -> None:
    drawn = [
        (
            pair.position, str(pair.scene_id), pair.clip_id, pair.purpose, pair.stratum,
            pair.inclusion_probability, pair.gold_grade, pair.gold_reason,
        )
        for pair in (*draw.pairs, *draw.gold)
    ]  # fmt: skip
    found = [(pair.position, match) for pair in draw.pairs for match in pair.match_ids]
    slots = slots_per_pair(len(draw.pairs), campaign.graders_per_pair, campaign.seed)
    with connection.cursor() as cursor:
        cursor.execute(_STORE_PAIRS, [campaign.pk, *map(list, zip(*drawn, strict=True))])
        cursor.execute(
            _STORE_MATCHES,
            [[place for place, _ in found], [match for _, match in found], campaign.pk],
        )
        cursor.execute(_STORE_SLOTS, [slots.tolist(), campaign.pk])


def _record(campaign: Campaign, draw: Draw, lead_id: int) -> None:
    record(
        action="campaign.drawn",
        subject=f"campaign {campaign.pk}",
        actor_id=lead_id,
        seed=campaign.seed,
        design=str(campaign.design),
        strata=str(campaign.strata),
        digest=draw.sample_digest,
        frame_units=len(draw.frame.units),
        units=draw.units,
        pairs=len(draw.pairs),
        gold_pairs=len(draw.gold),
        slots=draw.slots,
    )
    record(action="campaign.opened", subject=f"campaign {campaign.pk}", actor_id=lead_id)
