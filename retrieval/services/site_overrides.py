"""What a site changes in how photos and sounds meet: overrides of the table, banks of photos."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from django.core.exceptions import ValidationError
from django.db import transaction
from numpy.typing import NDArray

from retrieval.engine.errors import VocabularyError
from retrieval.engine.matching.bank import Moments
from retrieval.engine.spaces.space import ClassSpace
from retrieval.engine.vocabulary.labels import load_vocabulary
from retrieval.models import BankMoments, HeardOverride, PhotoBank, SceneProfile
from retrieval.selectors.matchers import sounds_of, table_up_to

MIN_BANK_PHOTOS: Final = 300
"""Fewer photos than that judge worse than the 1000 classes themselves do (docs/matching.md)."""


_DIGEST_DIGITS: Final = 12


class BankTooSmallError(Exception):
    """So few photos that the bank of classes judges better."""


def override_sounds(
    *,
    wnid: str,
    sounds: Mapping[str, Any],
    why: str,
    taken_back: bool = False,
    author: int | None = None,
) -> HeardOverride:
    """Have other sounds heard where a class is seen, from the next photo on.

    Raises
    ------
    ValidationError
        If the class or a sound is unknown, a weight is none, or the weights do not sum to 1.
    """
    override = HeardOverride(
        wnid=wnid, sounds=dict(sounds), why=why, taken_back=taken_back, author=author
    )
    override.full_clean()
    check_override(override)
    override.save(force_insert=True)
    return override


def check_override(override: HeardOverride) -> None:
    """Raise unless the program's table could take an override.

    Raises
    ------
    ValidationError
        With what is wrong, in the table's own words.
    """
    try:
        table_up_to(0).with_sounds({override.wnid: sounds_of(override)})
    except VocabularyError as error:
        known = any(label.key == override.wnid for label in load_vocabulary("imagenet"))
        raise ValidationError({"sounds" if known else "wnid": error.detail}) from error
    except (TypeError, ValueError, AttributeError) as error:
        detail = 'Write each sound with its weight, such as {"Wind": 0.4, "Waves, surf": 0.6}.'
        raise ValidationError({"sounds": detail}) from error


@transaction.atomic
def make_photo_bank(spaces: Mapping[str, ClassSpace]) -> PhotoBank:
    """Make a bank of all photos that were seen as photos are seen now; it counts from now on.

    Nothing of a photo is kept but its part in a mean and a covariance.

    Raises
    ------
    BankTooSmallError
        If they are fewer than `MIN_BANK_PHOTOS`; the bank in force stays.
    """
    photos = _photos_seen_in_all(spaces)
    if len(photos) < MIN_BANK_PHOTOS:
        raise BankTooSmallError(
            f"The site has {len(photos)} different photos; a bank needs {MIN_BANK_PHOTOS}. "
            "Until then every class of the image model, once each, judges better."
        )
    rows = []
    digest = hashlib.sha256()
    for space in spaces.values():
        moments = Moments.of(_distributions(space, photos))
        covariance = moments.covariance.astype("<f8").tobytes()
        digest.update(moments.mean.astype("<f4").tobytes() + covariance)
        rows.append(
            BankMoments(
                space_id=space.name,
                classes=len(space),
                model_version=space.image_model,
                mean=moments.mean,
                covariance=covariance,
            )
        )
    bank = PhotoBank.objects.create(photos=len(photos), digest=digest.hexdigest()[:_DIGEST_DIGITS])
    for row in rows:
        row.bank = bank
        row.save(force_insert=True)
    return bank


def _photos_seen_in_all(spaces: Mapping[str, ClassSpace]) -> set[str]:
    seen = [
        set(
            SceneProfile.objects.filter(
                space_id=space.name, model_version=space.image_model
            ).values_list("photo_sha256", flat=True)
        )
        for space in spaces.values()
    ]
    return set.intersection(*seen)


def _distributions(space: ClassSpace, photos: set[str]) -> Iterator[NDArray[np.float64]]:
    rows = SceneProfile.objects.filter(space_id=space.name, model_version=space.image_model)
    for row in rows.order_by("photo_sha256").iterator(chunk_size=500):
        if row.photo_sha256 in photos:
            yield np.asarray(row.distribution, dtype=np.float64)
