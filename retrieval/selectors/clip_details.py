"""What is known of one recording."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from django.core.serializers.json import DjangoJSONEncoder

from retrieval.engine.spaces.distributions import Distribution
from retrieval.engine.spaces.space import ClassSpace
from retrieval.models import Clip, ClipProfile
from retrieval.selectors.networks import available_spaces

TOP_CLASSES: Final = 10
_VERSION_DIGITS: Final = 32
_NO_PART_OF_A_DESCRIPTION: Final = frozenset({"peaks"})


@dataclass(frozen=True, slots=True)
class TopClass:
    """One of the most probable classes of a profile."""

    key: str
    name: str
    probability: float


@dataclass(frozen=True)
class ClipDetails:
    """A recording with its profiles by the networks in use."""

    clip: Clip
    profiles: Mapping[str, ClipProfile]
    spaces: Mapping[str, ClassSpace]

    def top_classes(self, space: str) -> list[TopClass]:
        """Return the most probable classes of the profile in a space."""
        vocabulary = self.spaces[space].vocabulary
        largest = Distribution(self.profiles[space].distribution).largest(TOP_CLASSES)
        return [
            TopClass(vocabulary[index].key, vocabulary[index].name, probability)
            for index, probability in largest
        ]

    @cached_property
    def version(self) -> str:
        """A hash that differs whenever anything of the description differs."""
        values = {
            field.attname: str(getattr(self.clip, field.attname))
            for field in Clip._meta.concrete_fields
            if field.name not in _NO_PART_OF_A_DESCRIPTION
        }
        profiles = {name: [row.pk, row.model_version] for name, row in self.profiles.items()}
        text = json.dumps([values, profiles], cls=DjangoJSONEncoder, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:_VERSION_DIGITS]


def clip_details(clip_id: int, *, with_withdrawn: bool) -> ClipDetails | None:
    """Return a recording; a withdrawn one only if asked for."""
    clip = Clip.objects.defer("peaks").filter(pk=clip_id).first()
    if clip is None or (clip.removed_in is not None and not with_withdrawn):
        return None
    return details_of(clip)


def details_of(clip: Clip) -> ClipDetails:
    """Return a recording with its profiles."""
    spaces = {space.name: space for space in available_spaces()}
    rows = ClipProfile.objects.filter(clip=clip, space_id__in=spaces).order_by("space_id")
    profiles = {
        row.space_id: row for row in rows if row.model_version == spaces[row.space_id].audio_model
    }
    return ClipDetails(clip, profiles, spaces)
