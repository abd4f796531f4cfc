"""The matchers in force: the recipes with this site's table, bank and networks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from django.db.models import Max

from retrieval.engine.matching.bank import (
    CLASSES,
    Bank,
    Moments,
    ScoreMoments,
    class_moments,
)
from retrieval.engine.matching.matcher import Matcher
from retrieval.engine.matching.recipes import PAPER, SOUND_MATCHERS, matcher_named
from retrieval.engine.spaces.space import ClassSpace, heard, objects
from retrieval.engine.vocabulary.heard_there import HeardThere, Sound, load_heard_there
from retrieval.engine.vocabulary.labels import load_vocabulary
from retrieval.models import BankMoments, HeardOverride, PhotoBank
from retrieval.selectors.networks import has_sound_network, image_network, sound_network


@dataclass(frozen=True, slots=True)
class SiteRecipe:
    """Everything that determines the scores of a site's matchers.

    Attributes
    ----------
    override_id : int
        The newest override of the table; 0 without any.
    bank_id : int
        The newest bank of the site's own photos; 0 without any.
    image, sounds : str
        Versions of the image network and the sound network.
    """

    override_id: int
    bank_id: int
    image: str
    sounds: str


def site_recipe() -> SiteRecipe:
    """Return the current recipe."""
    return SiteRecipe(
        override_id=HeardOverride.objects.aggregate(newest=Max("id"))["newest"] or 0,
        bank_id=PhotoBank.objects.aggregate(newest=Max("id"))["newest"] or 0,
        image=image_network().model_version,
        sounds=sound_network().model_version,
    )


def matcher_in_force(name: str) -> Matcher:
    """Return a matcher by its name as `matchers_in_force` does."""
    (matcher,) = matchers_in_force([name])
    return matcher


def matchers_in_force(names: Iterable[str]) -> list[Matcher]:
    """Return matchers by their names, all with the same table, bank and image network.

    Without YAMNet, the paper's matcher takes the place of those that compare sounds.

    Raises
    ------
    EngineError
        With code ``matcher_unknown`` if a name is unknown.
    """
    unusable = () if has_sound_network() else SOUND_MATCHERS
    recipe = site_recipe()
    in_force = dict.fromkeys(PAPER if name in unusable else name for name in names)
    return [_matcher(name, recipe) for name in in_force]


@lru_cache(maxsize=8)
def _matcher(name: str, recipe: SiteRecipe) -> Matcher:
    table, bank = _table_and_bank(recipe)
    return matcher_named(name, table=table, bank=bank, image=recipe.image, audio=recipe.sounds)


@lru_cache(maxsize=2)  # the current recipe and its predecessor, which may still be in use
def _table_and_bank(recipe: SiteRecipe) -> tuple[HeardThere, Bank | None]:
    table = table_up_to(recipe.override_id)
    return table, _site_bank(recipe, table)


def table_up_to(override_id: int) -> HeardThere:
    """Return the program's table with the overrides up to a given one."""
    newest: dict[str, HeardOverride] = {}
    for override in HeardOverride.objects.filter(id__lte=override_id).order_by("id"):
        newest[override.wnid] = override
    replaced = {
        wnid: sounds_of(override) for wnid, override in newest.items() if not override.taken_back
    }
    return load_heard_there().with_sounds(replaced) if replaced else load_heard_there()


def sounds_of(override: HeardOverride) -> list[Sound]:
    """Return the sounds of an override.

    Raises
    ------
    VocabularyError
        With code ``unknown_class`` if a name is unknown.
    """
    vocabulary = load_vocabulary("audioset")
    weights: Mapping[str, float] = override.sounds
    return [
        Sound(vocabulary.by_name(name), float(weight), override.why)
        for name, weight in weights.items()
    ]


def bank_spaces() -> tuple[ClassSpace, ...]:
    """Return the spaces of the matchers that use a bank, as photos are profiled now."""
    recipe = site_recipe()
    return _bank_spaces(recipe, table_up_to(recipe.override_id))


def _bank_spaces(recipe: SiteRecipe, table: HeardThere) -> tuple[ClassSpace, ...]:
    return (
        objects(whole=True, image=recipe.image),
        heard(table, image=recipe.image, sounds=recipe.sounds),
    )


def _site_bank(recipe: SiteRecipe, table: HeardThere) -> Bank | None:
    """Return the bank of the site's photos, completed by the classes where it does not apply.

    It applies in a space whose photo profiles are still made by the same network and table: a
    changed table leaves the moments in `objects` valid.
    """
    spaces = _bank_spaces(recipe, table)
    bank = PhotoBank.objects.filter(pk=recipe.bank_id).first()
    seen_by = dict(BankMoments.objects.filter(bank=bank).values_list("space_id", "model_version"))
    known = [space for space in spaces if seen_by.get(space.name) == space.image_model]
    if bank is None or not known:
        return None
    name = f"photos-{bank.pk}@{bank.digest}"
    versions = {space.name: name if space in known else CLASSES for space in spaces}
    return Bank(
        name if len(known) == len(spaces) else f"{name}+{CLASSES}",
        versions=versions,
        load=lambda: (
            {space.name: class_moments(space) for space in spaces if space not in known}
            | _moments(recipe.bank_id, [space.name for space in known])
        ),
    )


def _moments(bank_id: int, names: list[str]) -> dict[str, ScoreMoments]:
    return {
        row.space_id: Moments(
            mean=row.mean.astype(np.float64),
            covariance=np.frombuffer(row.covariance, dtype="<f8").reshape(row.classes, row.classes),
        )
        for row in BankMoments.objects.filter(bank_id=bank_id, space_id__in=names)
    }
