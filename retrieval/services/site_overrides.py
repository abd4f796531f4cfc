"""A site's own settings for matching: overrides of the class-to-sound table, photo banks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from numpy.typing import NDArray

from retrieval.engine.errors import VocabularyError
from retrieval.engine.matching.bank import Moments
from retrieval.engine.spaces.space import ClassSpace
from retrieval.engine.vocabulary.labels import load_vocabulary
from retrieval.models import BankMoments, HeardOverride, PhotoBank, SceneProfile
from retrieval.selectors.matchers import sounds_of, table_up_to

MIN_BANK_PHOTOS: Final = 300
"""With fewer photos the built-in bank of classes gives better results (docs/matching.md)."""

_DIGEST_DIGITS: Final = 12


class BankTooSmallError(Exception):
    """The site has fewer than `MIN_BANK_PHOTOS` photos."""


def override_sounds(
    *,
    wnid: str,
    sounds: Mapping[str, Any],
    why: str,
    taken_back: bool = False,
    author: int | None = None,
) -> HeardOverride:
    """Override the sounds expected for a class, from the next photo on.

    Raises
    ------
    ValidationError
        If the class or a sound is unknown, or the weights are invalid or do not sum to 1.
    """
    override = HeardOverride(
        wnid=wnid, sounds=dict(sounds), why=why, taken_back=taken_back, author=author
    )
    override.full_clean()
    check_override(override=override)
    override.save(force_insert=True)
    return override


def check_override(*, override: HeardOverride) -> None:
    """Check that an override fits the class-to-sound table.

    Raises
    ------
    ValidationError
        If it does not.
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
def make_photo_bank(*, spaces: Mapping[str, ClassSpace]) -> PhotoBank:
    """Make a bank of all photos with profiles by the current models; it replaces the current bank.

    It contains only the mean and covariance of the profiles.

    Raises
    ------
    BankTooSmallError
        If there are fewer than `MIN_BANK_PHOTOS`.
    """
    photos = _photos_in_all(spaces)
    if len(photos) < MIN_BANK_PHOTOS:
        raise BankTooSmallError(
            f"The site has {len(photos)} different photos; a bank needs {MIN_BANK_PHOTOS}. "
            "With fewer, the built-in bank of image classes gives better results."
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
    bank = PhotoBank(photos=len(photos), digest=digest.hexdigest()[:_DIGEST_DIGITS])
    bank.full_clean()
    bank.save(force_insert=True)
    for row in rows:
        row.bank = bank
        row.full_clean(exclude=["mean", "covariance"])  # arrays: constraints check them
        row.save(force_insert=True)
    return bank


def _photos_in_all(spaces: Mapping[str, ClassSpace]) -> set[str]:
    return set.intersection(
        *(set(_profiles(space).values_list("photo_sha256", flat=True)) for space in spaces.values())
    )


def _profiles(space: ClassSpace) -> QuerySet[SceneProfile]:
    return SceneProfile.objects.filter(space_id=space.name, model_version=space.image_model)


def _distributions(space: ClassSpace, photos: set[str]) -> Iterator[NDArray[np.float64]]:
    for row in _profiles(space).order_by("photo_sha256").iterator(chunk_size=500):
        if row.photo_sha256 in photos:
            yield np.asarray(row.distribution, dtype=np.float64)
