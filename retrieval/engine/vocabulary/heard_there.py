"""What one hears where one sees this: from ImageNet's classes to AudioSet's.

Sounds are not things. A lighthouse is silent, but at its foot one hears waves, wind and birds. The
table says so class by class; `docs/heard-there.md` explains how it was written.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property
from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.errors import VocabularyError
from retrieval.engine.vocabulary.labels import ClassLabel, Vocabulary, load_vocabulary

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
    """What a scene mostly is."""

    NATURAL = "natural"
    HUMAN_MADE = "human-made"


@dataclass(frozen=True, slots=True)
class Sound:
    """One thing that is heard, its share of all that is heard there, and why.

    Attributes
    ----------
    label : ClassLabel
        The sound, of the audio vocabulary.
    weight : float
        Within (0, 1]; those of a class sum to 1.
    why : str
        The reason, for people.
    """

    label: ClassLabel
    weight: float
    why: str


@dataclass(frozen=True, slots=True)
class HeardEntry:
    """What is heard where one class is seen.

    Attributes
    ----------
    label : ClassLabel
        The class, of the image vocabulary.
    sounds : tuple of Sound
        Largest weight first. Empty for a class that says nothing about where one is.
    scenery : Scenery
        Where it is seen; ``NO_SCENE`` for every class without sounds.
    origin : Origin
        What that scene mostly is.
    remark : str
        For a class without sounds: why it says nothing.

    Raises
    ------
    VocabularyError
        If a weight is not positive, the weights do not sum to 1, a sound comes
        twice, or a class without sounds has a scene.
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
                raise VocabularyError(f"{where} says nothing, yet shows {self.scenery.value!r}")
            return
        weights = [sound.weight for sound in self.sounds]
        if not all(math.isfinite(weight) and weight > 0 for weight in weights):
            raise VocabularyError(f"{where}: weights {weights} are not all positive")
        if abs(math.fsum(weights) - 1) > SUM_TOLERANCE:
            raise VocabularyError(f"{where}: weights sum to {math.fsum(weights)}, not to 1")
        if len({sound.label.key for sound in self.sounds}) != len(self.sounds):
            raise VocabularyError(f"{where}: a sound comes twice")


@dataclass(frozen=True)
class HeardThere:
    """The whole table: one entry for each class of the image vocabulary, in its order.

    Raises
    ------
    VocabularyError
        If an entry is missing, or stands out of order.
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
                        f"{entry.label.key} ({entry.label.name}): {sound.label.name!r} is no sound "
                        f"of {self.heard.name!r}"
                    )

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """How much of each sound is heard where each class is seen.

        float64 [shape=(classes seen, classes heard)]; rows sum to 1, or are 0 where a class
        says nothing. Read-only.
        """
        matrix = np.zeros((len(self.seen), len(self.heard)))
        for entry in self.entries:
            for sound in entry.sounds:
                matrix[entry.label.index, sound.label.index] = sound.weight
        matrix /= np.where(self.telling, matrix.sum(axis=1), 1.0)[:, np.newaxis]
        matrix.setflags(write=False)
        return matrix

    @cached_property
    def anywhere(self) -> NDArray[np.float64]:
        """How much of each sound one hears anywhere, float64 [shape=(classes heard,)], sum 1.

        The mean over the sceneries, each the mean over its classes: ImageNet knows 118 dogs and
        one seashore. Classes that show no scene and yet say something (a drum, a bucket) count
        together as one scenery more.
        """
        sceneries = np.array([entry.scenery.value for entry in self.entries])
        means = [
            self.weights[of_it].mean(axis=0)
            for scenery in Scenery
            if (of_it := (sceneries == scenery.value) & self.telling).any()
        ]
        mean: NDArray[np.float64] = np.mean(means, axis=0)
        return mean

    @cached_property
    def natural(self) -> NDArray[np.bool_]:
        """Which classes are seen in natural sceneries, bool [shape=(classes seen,)]."""
        return np.array([entry.origin is Origin.NATURAL for entry in self.entries])

    @cached_property
    def telling(self) -> NDArray[np.bool_]:
        """Which classes say something about the place, bool [shape=(classes seen,)]."""
        return np.array([bool(entry.sounds) for entry in self.entries])

    @cached_property
    def version(self) -> str:
        """Name and content of the table: stored with every profile that it helped to make."""
        digest = hashlib.sha256()
        for entry in self.entries:
            facts = (entry.label.key, entry.origin.value, entry.scenery.value)
            digest.update(("\0".join(facts) + "\n").encode())
            for sound in sorted(entry.sounds, key=lambda sound: sound.label.key):
                line = f"{entry.label.key}\0{sound.label.key}\0{sound.weight!r}\n"
                digest.update(line.encode())
        return f"heard-there@{digest.hexdigest()[:_DIGEST_DIGITS]}"

    def entry(self, wnid: str) -> HeardEntry:
        """Return what is heard where a class is seen.

        Raises
        ------
        VocabularyError
            If there is no such class (code ``unknown_class``).
        """
        return self.entries[self.seen.by_key(wnid).index]

    def with_sounds(self, replaced: Mapping[str, Sequence[Sound]]) -> HeardThere:
        """Return the table with other sounds for some classes, by their wnid.

        Raises
        ------
        VocabularyError
            If a class is unknown, or its new sounds break a rule of `HeardEntry`.
        """
        entries = list(self.entries)
        for wnid, sounds in replaced.items():
            old = self.entry(wnid)
            ordered = tuple(sorted(sounds, key=lambda sound: -sound.weight))
            entries[old.label.index] = HeardEntry(
                label=old.label,
                sounds=ordered,
                scenery=old.scenery if ordered else Scenery.NO_SCENE,
                origin=old.origin,
                remark=old.remark,
            )
        return HeardThere(self.seen, self.heard, tuple(entries))


@cache
def load_heard_there() -> HeardThere:
    """Return the project's own table, read once per process.

    Raises
    ------
    VocabularyError
        If a file breaks the rules; the message names the line or the class.
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
        With the header ``wnid,label,heard,weight,why``: one row a sound. A class that
        says nothing has one row in which ``heard`` and ``weight`` are empty.
    scenery_lines : iterable of str
        With the header ``wnid,label,group,origin``: one row a class.
    seen, heard : Vocabulary
        What the wnids and the names of sounds refer to.

    Raises
    ------
    VocabularyError
        If a row is malformed or names something unknown, or an entry or the
        whole breaks its rules.
    """
    sounds_by_wnid: dict[str, list[Sound]] = {}
    remarks: dict[str, str] = {}
    for row in _rows(heard_lines, HEARD_COLUMNS, seen):
        sounds = sounds_by_wnid.setdefault(row["wnid"], [])
        if row["heard"] or row["weight"]:
            sounds.append(_sound(row, heard))
        elif row["wnid"] in remarks:
            raise VocabularyError(f"{row['wnid']} ({row['label']}) says nothing twice")
        else:
            remarks[row["wnid"]] = row["why"]
    both = sorted(wnid for wnid in remarks if sounds_by_wnid[wnid])
    if both:
        raise VocabularyError(f"{both[0]} says nothing and yet has sounds")
    sceneries: dict[str, tuple[Scenery, Origin]] = {}
    for row in _rows(scenery_lines, SCENERY_COLUMNS, seen):
        if row["wnid"] in sceneries:
            raise VocabularyError(f"{row['wnid']} ({row['label']}) has its scenery twice")
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
) -> Iterable[dict[str, str]]:
    rows = csv.DictReader(lines, strict=True)
    for row in _read(rows, columns):
        if None in row or None in row.values():
            raise VocabularyError(f"line {rows.line_num} has not {len(columns)} cells: {row}")
        if seen.by_key(row["wnid"]).name != row["label"]:
            raise VocabularyError(
                f"line {rows.line_num}: {row['wnid']} is {seen.by_key(row['wnid']).name!r}, "
                f"not {row['label']!r}"
            )
        yield row


def _read(rows: csv.DictReader[str], columns: tuple[str, ...]) -> Iterable[dict[str, str]]:
    try:
        if tuple(rows.fieldnames or ()) != columns:
            raise VocabularyError(f"the table needs the columns {columns}, has {rows.fieldnames}")
        yield from rows
    except csv.Error as error:
        line = rows.reader.line_num
        raise VocabularyError(f"line {line} is no CSV: {error}") from error


def _sound(row: Mapping[str, str], heard: Vocabulary) -> Sound:
    where = f"{row['wnid']} ({row['label']})"
    if not heard.has_name(row["heard"]):
        raise VocabularyError(f"{where}: no sound is called {row['heard']!r}", code="unknown_class")
    if not row["why"].strip():
        raise VocabularyError(f"{where}: no reason is given for {row['heard']!r}")
    try:
        weight = float(row["weight"])
    except ValueError:
        raise VocabularyError(f"{where}: weight {row['weight']!r} is no number") from None
    return Sound(heard.by_name(row["heard"]), weight, row["why"])


def _scenery(row: Mapping[str, str]) -> tuple[Scenery, Origin]:
    try:
        return Scenery(row["group"]), Origin(row["origin"])
    except ValueError as error:
        raise VocabularyError(f"{row['wnid']} ({row['label']}): {error}") from None
