"""Which matchers are in force: the program's recipes with this site's table and bank."""

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
from retrieval.engine.matching.recipes import matcher_named
from retrieval.engine.spaces.space import heard, objects
from retrieval.engine.vocabulary.heard_there import HeardThere, Sound, load_heard_there
from retrieval.engine.vocabulary.labels import load_vocabulary
from retrieval.models import BankMoments, HeardOverride, PhotoBank


@dataclass(frozen=True, slots=True)
class SiteRecipe:
    """What of a site decides how its matchers score; changes whenever they do.

    Attributes
    ----------
    override_id : int
        The newest override of the table; 0 without any.
    bank_id : int
        The newest bank of the site's own photos; 0 without any.
    """

    override_id: int
    bank_id: int


def site_recipe() -> SiteRecipe:
    """Return what is in force now."""
    return SiteRecipe(
        override_id=HeardOverride.objects.aggregate(newest=Max("id"))["newest"] or 0,
        bank_id=PhotoBank.objects.aggregate(newest=Max("id"))["newest"] or 0,
    )


def matcher_in_force(name: str) -> Matcher:
    """Return a matcher by its name, with the site's table and bank.

    Raises
    ------
    EngineError
        With code ``matcher_unknown`` if there is none of that name.
    """
    (matcher,) = matchers_in_force([name])
    return matcher


def matchers_in_force(names: Iterable[str]) -> list[Matcher]:
    """Return matchers by their names, all of one table and one bank.

    Raises
    ------
    EngineError
        With code ``matcher_unknown`` if there is none of a name.
    """
    recipe = site_recipe()
    return [_matcher(name, recipe) for name in names]


@lru_cache(maxsize=8)
def _matcher(name: str, recipe: SiteRecipe) -> Matcher:
    table, bank = _table_and_bank(recipe)
    return matcher_named(name, table=table, bank=bank)


@lru_cache(maxsize=2)  # the one in force, and the one before while somebody still uses it
def _table_and_bank(recipe: SiteRecipe) -> tuple[HeardThere, Bank | None]:
    table = table_up_to(recipe.override_id)
    return table, _site_bank(recipe.bank_id, table)


def table_up_to(override_id: int) -> HeardThere:
    """Return what one hears where: the program's table with the overrides up to one of them."""
    newest: dict[str, HeardOverride] = {}
    for override in HeardOverride.objects.filter(id__lte=override_id).order_by("id"):
        newest[override.wnid] = override
    replaced = {
        wnid: sounds_of(override) for wnid, override in newest.items() if not override.taken_back
    }
    return load_heard_there().with_sounds(replaced) if replaced else load_heard_there()


def sounds_of(override: HeardOverride) -> list[Sound]:
    """Return the sounds that an override names.

    Raises
    ------
    VocabularyError
        With code ``unknown_class`` if there is no sound of a name.
    """
    vocabulary = load_vocabulary("audioset")
    weights: Mapping[str, float] = override.sounds
    return [
        Sound(vocabulary.by_name(name), float(weight), override.why)
        for name, weight in weights.items()
    ]


def _site_bank(bank_id: int, table: HeardThere) -> Bank | None:
    """Return the bank of the site's photos, with the classes in spaces that it does not know.

    It knows a space if its photos were seen there as photos are seen now: a changed table leaves
    the things of a bank standing.
    """
    spaces = (objects(whole=True), heard(table))
    bank = PhotoBank.objects.filter(pk=bank_id).first()
    seen_by = dict(
        BankMoments.objects.filter(bank_id=bank_id).values_list("space_id", "model_version")
    )
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
            | _moments(bank_id, [space.name for space in known])
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
