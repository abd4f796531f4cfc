"""Sample photos on the front page: the images of one folder."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif"})
_SHOWN: Final = 5
_DIGEST_DIGITS: Final = 8

# Photos of the Kodak suite that suggest sounds.
_TITLES: Final = {
    "kodim13": _("Mountain stream"),
    "kodim21": _("Lighthouse"),
    "kodim16": _("Island"),
    "kodim23": _("Parrots"),
    "kodim22": _("Barn by a pond"),
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample photo."""

    slug: str
    name: str
    path: Path


def sample_photos(folder: Path) -> list[Sample]:
    """Return the samples of a folder: the photos in `_TITLES`, or else the first ones."""
    files = sorted(
        path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file()
    )
    titled = {stem: path for path in reversed(files) if (stem := path.stem) in _TITLES}
    if titled:
        return [
            Sample(slug=stem, name=str(name), path=titled[stem])
            for stem, name in _TITLES.items()
            if stem in titled
        ]
    uses = Counter(slugify(path.stem) for path in files)
    return [
        Sample(slug=_slug(path, folder=folder, uses=uses), name=_title_from(path.stem), path=path)
        for path in files[:_SHOWN]
    ]


def sample_named(folder: Path, slug: str) -> Sample | None:
    """Return the sample with a slug, or None if `sample_photos` does not return it."""
    return next((sample for sample in sample_photos(folder) if sample.slug == slug), None)


def _slug(path: Path, *, folder: Path, uses: Counter[str]) -> str:
    """Return the stem if it is unique and valid in a URL, otherwise add a hash of the path.

    All photos with the same stem get a hash, so that no URL ever changes its photo.
    """
    slug = slugify(path.stem)
    if slug == path.stem and uses[slug] == 1:
        return slug
    place = path.relative_to(folder).as_posix()
    digest = hashlib.sha256(place.encode(errors="surrogateescape")).hexdigest()[:_DIGEST_DIGITS]
    return f"{slug or 'photo'}-{digest}"


def _title_from(stem: str) -> str:
    return stem.replace("_", " ").replace("-", " ").strip().capitalize()
