"""Class vocabularies: the names of the positions in a model's output."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources

from retrieval.engine.errors import VocabularyError

_COLUMNS = ("index", "key", "name")


@dataclass(frozen=True, slots=True)
class ClassLabel:
    """One class of a vocabulary.

    Attributes
    ----------
    index : int
        Position in the models' output, from 0.
    key : str
        Stable identifier: ImageNet's WordNet id, e.g. ``n01440764``, or AudioSet's ``/m/09x0r``.
    name : str
        Display name, e.g. ``tench``. Not unique: two ImageNet classes are called ``crane``, the
        bird and the machine.
    """

    index: int
    key: str
    name: str


@dataclass(frozen=True)
class Vocabulary:
    """The classes of a space, in model order.

    Parameters
    ----------
    name : str
        Stable identifier, e.g. ``imagenet``.
    labels : tuple of ClassLabel
        At least one class; each index equals the position, keys are unique, no key or name is
        blank.

    Raises
    ------
    VocabularyError
        If the labels break one of these rules (code ``invalid_vocabulary``), or from any method,
        if there is no class with the given position, key or name (code ``unknown_class``).
    """

    name: str
    labels: tuple[ClassLabel, ...]

    def __post_init__(self) -> None:
        if not self.labels:
            raise VocabularyError(f"vocabulary {self.name!r} has no classes")
        seen: dict[str, int] = {}
        for position, label in enumerate(self.labels):
            if label.index != position:
                raise VocabularyError(
                    f"vocabulary {self.name!r}: class {label.key!r} has index {label.index}"
                    f" but is at position {position}"
                )
            if not label.key.strip() or not label.name.strip():
                raise VocabularyError(
                    f"vocabulary {self.name!r}: class {position} has a blank key or name"
                )
            if label.key in seen:
                raise VocabularyError(
                    f"vocabulary {self.name!r}: key {label.key!r} is at positions"
                    f" {seen[label.key]} and {position}"
                )
            seen[label.key] = position

    def __len__(self) -> int:
        return len(self.labels)

    def __iter__(self) -> Iterator[ClassLabel]:
        return iter(self.labels)

    def __getitem__(self, index: int) -> ClassLabel:
        """Return the class at a position of the models' output, 0 <= index < len."""
        if not 0 <= index < len(self.labels):
            raise VocabularyError(
                f"vocabulary {self.name!r} has classes 0 to {len(self) - 1}, not {index}",
                code="unknown_class",
            )
        return self.labels[index]

    def by_key(self, key: str) -> ClassLabel:
        """Return the class with a key."""
        position = self._positions.get(key)
        if position is None:
            raise VocabularyError(
                f"vocabulary {self.name!r} has no class {key!r}", code="unknown_class"
            )
        return self.labels[position]

    def by_name(self, name: str) -> ClassLabel:
        """Return the first class with a name."""
        position = self._first_positions.get(name)
        if position is None:
            raise VocabularyError(
                f"vocabulary {self.name!r} has no class called {name!r}", code="unknown_class"
            )
        return self.labels[position]

    def has_name(self, name: str) -> bool:
        """Return whether any class has this name."""
        return name in self._first_positions

    def positions(self, names: Iterable[str]) -> list[int]:
        """Return the position of the first class with each name, ascending."""
        return sorted(self.by_name(name).index for name in names)

    @cached_property
    def _first_positions(self) -> dict[str, int]:
        return {label.name: label.index for label in reversed(self.labels)}

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {label.key: label.index for label in self.labels}


@cache
def load_vocabulary(name: str) -> Vocabulary:
    """Return one of the project's vocabularies, read once per process.

    Parameters
    ----------
    name : str
        The file's name in ``vocabulary/`` without ``.csv``.

    Raises
    ------
    VocabularyError
        If there is no such vocabulary (code ``unknown_vocabulary``) or its file is invalid (code
        ``invalid_vocabulary``).
    """
    folder = resources.files("retrieval.engine") / "vocabulary"
    known = {entry.name: entry for entry in folder.iterdir() if entry.name.endswith(".csv")}
    file = known.get(f"{name}.csv")
    if file is None:
        raise VocabularyError(
            f"no vocabulary {name!r}; there are {sorted(known)}", code="unknown_vocabulary"
        )
    return parse_vocabulary(name, io.StringIO(file.read_text(encoding="utf-8")))


def parse_vocabulary(name: str, lines: Iterable[str]) -> Vocabulary:
    """Read a vocabulary from CSV lines with the header ``index,key,name``.

    Raises
    ------
    VocabularyError
        If the columns differ, an index is not a number, or the labels break the rules of
        `Vocabulary`.
    """
    labels = []
    for line, row in read_csv(lines, _COLUMNS, source=f"vocabulary {name!r}"):
        if not row["index"].isdecimal():
            raise VocabularyError(f"vocabulary {name!r}: line {line} has no valid index: {row}")
        labels.append(ClassLabel(index=int(row["index"]), key=row["key"], name=row["name"]))
    return Vocabulary(name=name, labels=tuple(labels))


def read_csv(
    lines: Iterable[str], columns: tuple[str, ...], *, source: str
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the line number and the cells of every row.

    Raises
    ------
    VocabularyError
        If the header differs from `columns`, a row has another number of cells, or a line is not
        valid CSV; the message names `source` and the line.
    """
    rows = csv.DictReader(lines, strict=True)
    try:
        if tuple(rows.fieldnames or ()) != columns:
            raise VocabularyError(f"{source} needs the columns {columns}, has {rows.fieldnames}")
        for row in rows:
            if None in row or None in row.values():
                raise VocabularyError(
                    f"{source}: line {rows.line_num} does not have {len(columns)} cells: {row}"
                )
            yield rows.line_num, row
    except csv.Error as error:
        raise VocabularyError(
            f"{source}: line {rows.reader.line_num} is not valid CSV: {error}"
        ) from error
