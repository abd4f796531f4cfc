"""Make, change, pause, close, copy and delete campaigns; `drawing` draws and opens them."""

from __future__ import annotations

import secrets
from typing import Any, Final

from django.db import transaction
from django.db.models.functions import Now

from accounts.services.audit import record
from labelling.models import Campaign, CampaignState, Guideline, PhotoSet, Slot
from labelling.selectors.queue import OPEN_SLOTS
from labelling.services.errors import WrongStateError, constraints_of
from labelling.services.locks import keep_photos, keep_row, lock_campaign
from labelling.services.queue import note_lost, vacate
from retrieval.services.holds import release_holds

CHANGEABLE: Final = (
    "name",
    "photo_set",
    "guideline",
    "matchers",
    "ranks",
    "design",
    "strata",
    "size",
    "seed",
    "graders_per_pair",
    "gold_share",
    "qualification_pairs",
    "qualification_share",
    "disputed_in",
)
"""Fields that leads choose, until the campaign is drawn."""

_SEEDS: Final = 2**31
_LONGEST_NAME: Final = 100


@transaction.atomic
def make_campaign(*, lead_id: int, **fields: Any) -> Campaign:
    """Make a draft of a campaign.

    Parameters
    ----------
    lead_id
        The user who makes it.
    **fields
        Those of `CHANGEABLE`; without a seed, a random one is taken.

    Raises
    ------
    ValidationError
        If a field has no allowed value, or the name is taken.
    """
    campaign = Campaign(made_by_id=lead_id, seed=new_seed())
    _save(campaign, fields)
    _record("made", campaign, lead_id, name=campaign.name)
    return campaign


@transaction.atomic
def change_campaign(*, campaign_id: int, lead_id: int, **fields: Any) -> Campaign:
    """Change fields of a draft; takes and raises what `make_campaign` does.

    Raises
    ------
    WrongStateError
        If the campaign is drawn already.
    """
    campaign = _locked(campaign_id, CampaignState.DRAFT)
    _save(campaign, fields)
    _record("changed", campaign, lead_id, fields=sorted(fields))
    return campaign


@transaction.atomic
def pause(*, campaign_id: int, lead_id: int) -> Campaign:
    """Stop serving pairs for a while; raises WrongStateError unless the campaign is open."""
    campaign = _locked(campaign_id, CampaignState.OPEN)
    return _step(campaign, CampaignState.PAUSED, "paused", lead_id)


@transaction.atomic
def resume(*, campaign_id: int, lead_id: int) -> Campaign:
    """Serve pairs again; raises WrongStateError unless the campaign is paused."""
    campaign = _locked(campaign_id, CampaignState.PAUSED)
    return _step(campaign, CampaignState.OPEN, "opened", lead_id)


@transaction.atomic
def close(*, campaign_id: int, lead_id: int) -> Campaign:
    """End a campaign: open slots are closed, leased ones too, and its photos may expire.

    Raises
    ------
    WrongStateError
        If the campaign is a draft or closed already.
    """
    campaign = _locked(campaign_id, CampaignState.OPEN, CampaignState.PAUSED)
    unfinished = Slot.objects.filter(campaign=campaign_id, state__in=OPEN_SLOTS)
    slots = list(unfinished.select_for_update().order_by("pk"))
    leased = [slot for slot in slots if slot.state == Slot.State.LEASED]
    keep_photos(pair_ids={slot.pair_id for slot in leased})
    note_lost(slots=leased)
    vacate(keys=[slot.pk for slot in slots], state=Slot.State.CLOSED)
    release_holds(holder=f"campaign {campaign_id}")
    campaign.closed_at = Now()
    return _step(campaign, CampaignState.CLOSED, "closed", lead_id, closed_slots=len(slots))


@transaction.atomic
def copy(*, campaign_id: int, lead_id: int) -> Campaign:
    """Make a draft of the same design with another name and another seed.

    Raises
    ------
    ValidationError
        If another copy takes the name at the same time.
    """
    source = Campaign.objects.get(pk=campaign_id)
    made = Campaign(made_by_id=lead_id)
    fields = {name: getattr(source, name) for name in CHANGEABLE}
    _save(made, fields | {"name": _name_of_copy(source.name), "seed": new_seed()})
    _record("copied", made, lead_id, source=f"campaign {source.pk}", name=made.name)
    return made


@transaction.atomic
def delete_draft(*, campaign_id: int, lead_id: int) -> None:
    """Delete a draft; raises WrongStateError if the campaign is drawn already."""
    campaign = _locked(campaign_id, CampaignState.DRAFT)
    _record("deleted", campaign, lead_id, name=campaign.name)
    campaign.delete()


def new_seed() -> int:
    """Return a random seed that is short enough to be copied by hand."""
    return secrets.randbelow(_SEEDS)


def _locked(campaign_id: int, *allowed: CampaignState) -> Campaign:
    campaign = lock_campaign(campaign_id=campaign_id)
    if campaign.state not in allowed:
        raise WrongStateError(f"campaign {campaign_id} is {campaign.state}")
    return campaign


def _save(campaign: Campaign, fields: dict[str, Any]) -> None:
    unknown = fields.keys() - set(CHANGEABLE)
    if unknown:
        raise TypeError(f"a campaign has no field {', '.join(sorted(unknown))} that leads choose")
    for name, value in fields.items():
        setattr(campaign, name, value)
    campaign.matchers = list(dict.fromkeys(campaign.matchers or ()))
    for model, pk in ((PhotoSet, campaign.photo_set_id), (Guideline, campaign.guideline_id)):
        if pk is not None:
            keep_row(model=model, pk=pk)
    campaign.full_clean()
    with constraints_of(model=Campaign):
        campaign.save()


def _step(
    campaign: Campaign, state: CampaignState, action: str, lead_id: int, **detail: Any
) -> Campaign:
    campaign.state = state
    campaign.save(update_fields=["state", "closed_at"])
    _record(action, campaign, lead_id, **detail)
    campaign.refresh_from_db()
    return campaign


def _record(action: str, campaign: Campaign, lead_id: int, **detail: Any) -> None:
    record(
        action=f"campaign.{action}",
        subject=f"campaign {campaign.pk}",
        actor_id=lead_id,
        **detail,
    )


def _name_of_copy(name: str) -> str:
    """Return the name with a mark that makes it unique."""
    number = 1
    while True:
        mark = " (copy)" if number == 1 else f" (copy {number})"
        wanted = name[: _LONGEST_NAME - len(mark)] + mark
        if not Campaign.objects.filter(name__iexact=wanted).exists():
            return wanted
        number += 1
