"""Sample photos on the front page: the images of one folder."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif"})
_SHOWN: Final = 5
_DIGEST_DIGITS: Final = 8
_LOOK_AGAIN_AFTER_S: Final = 60

# Photos of the Kodak suite that suggest sounds.
_TITLES: Final = {
    "kodim13": _("Mountain stream"),
    "kodim21": _("Lighthouse"),
    "kodim16": _("Island"),
    "kodim23": _("Parrots"),
    "kodim22": _("Barn by a pond"),
}


@dataclass(frozen=True, slots=True)
class SamplePhoto:
    """One sample photo."""

    slug: str
    name: str
    path: Path


def sample_photos(folder: Path) -> list[SamplePhoto]:
    """Return the samples of a folder: the photos in `_TITLES`, or else the first ones.

    The folders in it are looked through once a minute, and when something in `folder` itself has
    changed: every front page asks.
    """
    try:
        changed_ns = folder.stat().st_mtime_ns
    except OSError:
        return []
    minute = int(time.monotonic() / _LOOK_AGAIN_AFTER_S)
    return list(_samples_in(folder, changed_ns, minute))


@lru_cache(maxsize=2)
def _samples_in(folder: Path, _changed_ns: int, _minute: int) -> list[SamplePhoto]:
    files = sorted(
        path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file()
    )
    titled = {stem: path for path in reversed(files) if (stem := path.stem) in _TITLES}
    if titled:
        return [
            SamplePhoto(slug=stem, name=str(name), path=titled[stem])
            for stem, name in _TITLES.items()
            if stem in titled
        ]
    uses = Counter(slugify(path.stem) for path in files)
    return [
        SamplePhoto(
            slug=_slug(path, folder=folder, uses=uses), name=_title_from(path.stem), path=path
        )
        for path in files[:_SHOWN]
    ]


def sample_named(folder: Path, slug: str) -> SamplePhoto | None:
    """Return the sample with a slug, or None if there is none, or its file is gone meanwhile."""
    samples = sample_photos(folder)
    return next((each for each in samples if each.slug == slug and each.path.is_file()), None)


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
    title = " ".join(stem.replace("_", " ").replace("-", " ").split())
    return title[:1].upper() + title[1:]
