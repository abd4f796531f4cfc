"""Everything that decides which recordings are found for a photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings

from retrieval.engine.matching.matcher import Matcher
from retrieval.engine.matching.recipes import MATCHERS
from retrieval.engine.networks.weights import SOUNDNET_8, WeightSpec
from retrieval.selectors.matchers import (
    SiteRecipe,
    matcher_in_force,
    matchers_in_force,
    site_recipe,
    table_up_to,
)
from retrieval.selectors.networks import image_network, is_present, sound_network


@dataclass(frozen=True, slots=True)
class NetworkInUse:
    """A network, and whether its weights are here."""

    spec: WeightSpec
    present: bool


@dataclass(frozen=True, slots=True)
class ModelsInForce:
    """The matchers, the networks, and the site's own part of the recipe."""

    matchers: Sequence[Matcher]
    default: str
    networks: Sequence[NetworkInUse]
    recipe: SiteRecipe
    table: str


def models_in_force() -> ModelsInForce:
    """Return what new photos are matched by."""
    recipe = site_recipe()
    used = (image_network(), SOUNDNET_8, sound_network())
    return ModelsInForce(
        matchers=matchers_in_force(MATCHERS),
        default=matcher_in_force(settings.SOUNDSCAPE_MATCHER).name,
        networks=[NetworkInUse(spec, is_present(spec)) for spec in used],
        recipe=recipe,
        table=table_up_to(recipe.override_id).version,
    )
