"""The table of what is heard where each ImageNet class is seen, as shares of AudioSet's sounds.

A lighthouse itself is silent, but where one is photographed, waves, wind and birds are heard.
`docs/heard-there.md` explains how the table was written.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache, cached_property
from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.errors import VocabularyError
from retrieval.engine.vocabulary.labels import (
    ClassLabel,
    Vocabulary,
    load_vocabulary,
    read_csv,
)

HEARD_COLUMNS: Final = ("wnid", "label", "heard", "weight", "why")
SCENERY_COLUMNS: Final = ("wnid", "label", "group", "origin")
SUM_TOLERANCE: Final = 1e-6
_DIGEST_DIGITS: Final = 12


class Scenery(StrEnum):
    """Where a photo of a class is most typically taken."""

    SEA = "sea"
    FRESH_WATER = "fresh-water"
    FOREST = "forest"
    FIELD_AND_FARM = "field-and-farm"
    MOUNTAIN_AND_SNOW = "mountain-and-snow"
    DESERT = "desert"
    CITY_AND_TRANSPORT = "city-and-transport"
    INDOORS_AND_PEOPLE = "indoors-and-people"
    ANIMALS_CLOSE_BY = "animals-close-by"
    NO_SCENE = "no-scene"


class Origin(StrEnum):
    """Whether a scenery is mostly natural or human-made."""

    NATURAL = "natural"
    HUMAN_MADE = "human-made"


@dataclass(frozen=True, slots=True)
class Sound:
    """One sound that is heard where a class is seen.

    Attributes
    ----------
    label : ClassLabel
        Class of the audio vocabulary.
    weight : float
        Share of all that is heard there, within (0, 1]; the weights of a class sum to 1.
    why : str
        The reason, for readers of the table.
    """

    label: ClassLabel
    weight: float
    why: str


@dataclass(frozen=True, slots=True)
class HeardEntry:
    """The sounds that are heard where one class is seen.

    Attributes
    ----------
    label : ClassLabel
        Class of the image vocabulary.
    sounds : tuple of Sound
        Largest weight first. Empty for a mute class: one that tells nothing about the place.
    scenery : Scenery
        Where it is typically seen; ``NO_SCENE`` for every mute class.
    origin : Origin
        Whether that scenery is mostly natural or human-made.
    remark : str
        For a mute class: why it has no sounds.

    Raises
    ------
    VocabularyError
        If a weight is not positive, the weights do not sum to 1, a sound occurs twice, or a mute
        class has a scenery.
    """

    label: ClassLabel
    sounds: tuple[Sound, ...]
    scenery: Scenery
    origin: Origin
    remark: str = ""

    def __post_init__(self) -> None:
        where = f"{self.label.key} ({self.label.name})"
        if not self.sounds:
            if self.scenery is not Scenery.NO_SCENE:
                raise VocabularyError(f"{where} has no sounds but scenery {self.scenery.value!r}")
            return
        weights = [sound.weight for sound in self.sounds]
        if not all(math.isfinite(weight) and weight > 0 for weight in weights):
            raise VocabularyError(f"{where}: weights {weights} are not all positive")
        if abs(math.fsum(weights) - 1) > SUM_TOLERANCE:
            raise VocabularyError(f"{where}: weights sum to {math.fsum(weights)}, not to 1")
        if len({sound.label.key for sound in self.sounds}) != len(self.sounds):
            raise VocabularyError(f"{where}: a sound occurs twice")


@dataclass(frozen=True)
class HeardThere:
    """The whole table: one entry for each class of the image vocabulary, in its order.

    Attributes
    ----------
    seen : Vocabulary
        Image classes, e.g. ImageNet's.
    heard : Vocabulary
        Sounds, e.g. AudioSet's.
    entries : tuple of HeardEntry
        One for each class of `seen`.

    Raises
    ------
    VocabularyError
        If an entry is missing or out of order, or a sound is not in `heard`.
    """

    seen: Vocabulary
    heard: Vocabulary
    entries: tuple[HeardEntry, ...]

    def __post_init__(self) -> None:
        if [entry.label for entry in self.entries] != list(self.seen):
            raise VocabularyError(
                f"the table has {len(self.entries)} entries, not one for each of the "
                f"{len(self.seen)} classes of {self.seen.name!r} in their order"
            )
        known = set(self.heard)
        for entry in self.entries:
            for sound in entry.sounds:
                if sound.label not in known:
                    raise VocabularyError(
                        f"{entry.label.key} ({entry.label.name}): {sound.label.name!r} is not a "
                        f"sound of {self.heard.name!r}"
                    )

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """Share of each sound where each class is seen.

        float64 [shape=(classes seen, classes heard)], read-only; the rows of audible classes sum
        to 1, those of mute classes are 0.
        """
        matrix = np.zeros((len(self.seen), len(self.heard)))
        for entry in self.entries:
            for sound in entry.sounds:
                matrix[entry.label.index, sound.label.index] = sound.weight
        matrix /= np.where(self.audible, matrix.sum(axis=1), 1.0)[:, np.newaxis]
        matrix.setflags(write=False)
        return matrix

    @cached_property
    def anywhere(self) -> NDArray[np.float64]:
        """Share of each sound in any place, float64 [shape=(classes heard,)], sum 1.

        The mean over the sceneries of the mean over their audible classes, so that ImageNet's 118
        dogs do not outweigh its one seashore. Audible classes without a scenery (drum, bucket)
        together count as one more scenery.
        """
        sceneries = np.array([entry.scenery.value for entry in self.entries])
        means = [
            self.weights[of_it].mean(axis=0)
            for scenery in Scenery
            if (of_it := (sceneries == scenery.value) & self.audible).any()
        ]
        mean: NDArray[np.float64] = np.mean(means, axis=0)
        return mean

    @cached_property
    def natural(self) -> NDArray[np.bool_]:
        """Mask of the classes with a natural scenery, bool [shape=(classes seen,)]."""
        return np.array([entry.origin is Origin.NATURAL for entry in self.entries])

    @cached_property
    def audible(self) -> NDArray[np.bool_]:
        """Mask of the classes that have sounds, bool [shape=(classes seen,)]."""
        return np.array([bool(entry.sounds) for entry in self.entries])

    @cached_property
    def version(self) -> str:
        """Name and content hash of the table, stored with every profile made by it."""
        digest = hashlib.sha256()
        for entry in self.entries:
            facts = (entry.label.key, entry.origin.value, entry.scenery.value)
            digest.update(("\0".join(facts) + "\n").encode())
            for sound in sorted(entry.sounds, key=lambda sound: sound.label.key):
                line = f"{entry.label.key}\0{sound.label.key}\0{sound.weight!r}\n"
                digest.update(line.encode())
        return f"heard-there@{digest.hexdigest()[:_DIGEST_DIGITS]}"

    def entry(self, wnid: str) -> HeardEntry:
        """Return the entry of a class.

        Raises
        ------
        VocabularyError
            If there is no such class (code ``unknown_class``).
        """
        return self.entries[self.seen.by_key(wnid).index]

    def with_sounds(self, replaced: Mapping[str, Sequence[Sound]]) -> HeardThere:
        """Return a copy of the table with the sounds of some classes replaced.

        Parameters
        ----------
        replaced : mapping of str to sequence of Sound
            New sounds by the wnid of the class; none make it mute.

        Raises
        ------
        VocabularyError
            If a class is unknown (code ``unknown_class``), or its new sounds break a rule of
            `HeardEntry` or `HeardThere`.
        """
        entries = list(self.entries)
        for wnid, sounds in replaced.items():
            old = self.entry(wnid)
            ordered = tuple(sorted(sounds, key=lambda sound: -sound.weight))
            entries[old.label.index] = replace(
                old, sounds=ordered, scenery=old.scenery if ordered else Scenery.NO_SCENE
            )
        return replace(self, entries=tuple(entries))


@cache
def load_heard_there() -> HeardThere:
    """Return the project's own table, read once per process.

    Raises
    ------
    VocabularyError
        If a file is invalid; the message names the line or the class.
    """
    folder = resources.files("retrieval.engine") / "vocabulary"
    return parse_heard_there(
        io.StringIO((folder / "heard_there.csv").read_text(encoding="utf-8")),
        io.StringIO((folder / "scenery.csv").read_text(encoding="utf-8")),
        seen=load_vocabulary("imagenet"),
        heard=load_vocabulary("audioset"),
    )


def parse_heard_there(
    heard_lines: Iterable[str],
    scenery_lines: Iterable[str],
    *,
    seen: Vocabulary,
    heard: Vocabulary,
) -> HeardThere:
    """Read the table from CSV lines.

    Parameters
    ----------
    heard_lines : iterable of str
        With the header ``wnid,label,heard,weight,why``: one row per sound. A mute class has one
        row in which ``heard`` and ``weight`` are empty.
    scenery_lines : iterable of str
        With the header ``wnid,label,group,origin``: one row per class.
    seen, heard : Vocabulary
        Vocabularies of the wnids and of the names of sounds.

    Raises
    ------
    VocabularyError
        If a row is malformed, a class or a sound is unknown (code ``unknown_class``), or a rule
        of `HeardEntry` or `HeardThere` is broken.
    """
    sounds_by_wnid: dict[str, list[Sound]] = {}
    remarks: dict[str, str] = {}
    for row in _rows(heard_lines, HEARD_COLUMNS, seen):
        sounds = sounds_by_wnid.setdefault(row["wnid"], [])
        if row["heard"] or row["weight"]:
            sounds.append(_sound(row, heard))
        elif row["wnid"] in remarks:
            raise VocabularyError(f"{row['wnid']} ({row['label']}) is mute twice")
        else:
            remarks[row["wnid"]] = row["why"]
    both = sorted(wnid for wnid in remarks if sounds_by_wnid[wnid])
    if both:
        raise VocabularyError(f"{both[0]} is mute and has sounds")
    sceneries: dict[str, tuple[Scenery, Origin]] = {}
    for row in _rows(scenery_lines, SCENERY_COLUMNS, seen):
        if row["wnid"] in sceneries:
            raise VocabularyError(f"{row['wnid']} ({row['label']}) has two sceneries")
        sceneries[row["wnid"]] = _scenery(row)
    missing = [
        label for label in seen if label.key not in sounds_by_wnid or label.key not in sceneries
    ]
    if missing:
        raise VocabularyError(f"no entry for {missing[0].key} ({missing[0].name})")
    entries = tuple(
        HeardEntry(
            label=label,
            sounds=tuple(sorted(sounds_by_wnid[label.key], key=lambda sound: -sound.weight)),
            scenery=sceneries[label.key][0],
            origin=sceneries[label.key][1],
            remark=remarks.get(label.key, ""),
        )
        for label in seen
    )
    return HeardThere(seen, heard, entries)


def _rows(
    lines: Iterable[str], columns: tuple[str, ...], seen: Vocabulary
) -> Iterator[dict[str, str]]:
    for line, row in read_csv(lines, columns, source="the table"):
        if seen.by_key(row["wnid"]).name != row["label"]:
            raise VocabularyError(
                f"line {line}: {row['wnid']} is {seen.by_key(row['wnid']).name!r}, "
                f"not {row['label']!r}"
            )
        yield row


def _sound(row: Mapping[str, str], heard: Vocabulary) -> Sound:
    where = f"{row['wnid']} ({row['label']})"
    if not heard.has_name(row["heard"]):
        raise VocabularyError(f"{where}: there is no sound {row['heard']!r}", code="unknown_class")
    if not row["why"].strip():
        raise VocabularyError(f"{where}: no reason given for {row['heard']!r}")
    try:
        weight = float(row["weight"])
    except ValueError:
        raise VocabularyError(f"{where}: weight {row['weight']!r} is not a number") from None
    return Sound(heard.by_name(row["heard"]), weight, row["why"])


def _scenery(row: Mapping[str, str]) -> tuple[Scenery, Origin]:
    try:
        return Scenery(row["group"]), Origin(row["origin"])
    except ValueError as error:
        raise VocabularyError(f"{row['wnid']} ({row['label']}): {error}") from None
