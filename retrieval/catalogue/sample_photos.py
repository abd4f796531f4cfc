"""Sample photos to step into: the images of one folder."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.utils.text import slugify

_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif"})
_SHOWN: Final = 5
_DIGEST_DIGITS: Final = 8

# The photos of the Kodak suite that show a place one can hear, and what they show.
_TITLES: Final = {
    "kodim13": "Mountain stream",
    "kodim21": "Lighthouse",
    "kodim16": "Island",
    "kodim23": "Parrots",
    "kodim22": "Barn by a pond",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample photo."""

    slug: str
    name: str
    path: Path


def sample_photos(folder: Path) -> list[Sample]:
    """Return the samples shown of a folder: those with a title of ours, else the first ones."""
    files = sorted(
        path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file()
    )
    titled = {stem: path for path in reversed(files) if (stem := path.stem) in _TITLES}
    if titled:
        return [
            Sample(slug=stem, name=name, path=titled[stem])
            for stem, name in _TITLES.items()
            if stem in titled
        ]
    uses = Counter(slugify(path.stem) for path in files)
    return [
        Sample(slug=_slug(path, folder=folder, uses=uses), name=_words(path.stem), path=path)
        for path in files[:_SHOWN]
    ]


def sample_named(folder: Path, slug: str) -> Sample | None:
    """Return one of the samples shown; nothing else in the folder can be had."""
    return next((sample for sample in sample_photos(folder) if sample.slug == slug), None)


def _slug(path: Path, *, folder: Path, uses: Counter[str]) -> str:
    """Return the stem where it can stand in an address and is the only one, else with a digest.

    All that share a stem get one: no address ever comes to mean another photo than before.
    """
    slug = slugify(path.stem)
    if slug == path.stem and uses[slug] == 1:
        return slug
    place = path.relative_to(folder).as_posix()
    digest = hashlib.sha256(place.encode(errors="surrogateescape")).hexdigest()[:_DIGEST_DIGITS]
    return f"{slug or 'photo'}-{digest}"


def _words(stem: str) -> str:
    return stem.replace("_", " ").replace("-", " ").strip().capitalize()
