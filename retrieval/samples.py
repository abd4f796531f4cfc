"""Sample photos to step into: the images of one folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp"})
_SHOWN: Final = 5

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
    """Return the samples of a folder, those with a title of ours first; none without a folder."""
    if not folder.is_dir():
        return []
    files = {path.stem: path for path in sorted(folder.rglob("*")) if path.suffix in _SUFFIXES}
    titled = [stem for stem in _TITLES if stem in files]
    others = [stem for stem in files if stem not in _TITLES]
    return [
        Sample(slug=stem, name=_TITLES.get(stem, _words(stem)), path=files[stem])
        for stem in (titled or others)[:_SHOWN]
    ]


def sample_named(folder: Path, slug: str) -> Sample | None:
    """Return one of the samples shown; nothing else in the folder can be had."""
    return next((sample for sample in sample_photos(folder) if sample.slug == slug), None)


def _words(stem: str) -> str:
    return stem.replace("_", " ").replace("-", " ").strip().capitalize()
