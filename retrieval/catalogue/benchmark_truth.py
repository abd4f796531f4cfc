"""Ground truth of the benchmark: which recordings fit which sample photos."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from retrieval.engine.matching.evaluation import TrueGrade

TRUTH_FOLDER: Final = Path(__file__).parent / "truth"
_GRADES: Final = {"good": TrueGrade.GOOD, "decent": TrueGrade.DECENT}


class TruthError(Exception):
    """The ground truth is malformed or does not fit the library."""


@dataclass(frozen=True, slots=True)
class Truth:
    """Grades of recordings for photos; a recording without a grade is bad.

    Attributes
    ----------
    photos : tuple of str
        File names of the photos that show scenery.
    grades : mapping of str to mapping of str to TrueGrade
        By photo, then by the path of a recording or of a folder of recordings.
    """

    photos: tuple[str, ...]
    grades: Mapping[str, Mapping[str, TrueGrade]]

    def grades_of(self, photo: str, paths: Sequence[str]) -> list[TrueGrade]:
        """Return the grades of recordings, given by their paths in the manifest, for a photo."""
        known = self.grades.get(photo, {})
        return [
            known.get(path, known.get(path.rpartition("/")[0], TrueGrade.BAD)) for path in paths
        ]


def load_truth(folder: Path = TRUTH_FOLDER) -> Truth:
    """Read ``photos.csv`` and ``grades.csv``.

    Raises
    ------
    TruthError
        If a row has an unknown grade, repeats a pair, or names a photo that shows no scenery.
    """
    with (folder / "photos.csv").open(encoding="utf-8", newline="") as stream:
        photos = tuple(row["photo"] for row in csv.DictReader(stream) if row["scenery"] == "yes")
    grades: dict[str, dict[str, TrueGrade]] = {photo: {} for photo in photos}
    with (folder / "grades.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            photo, recordings, grade = row["photo"], row["recordings"], row["grade"]
            if photo not in grades or recordings in grades[photo] or grade not in _GRADES:
                raise TruthError(f"grades.csv: invalid row {photo}, {recordings}, {grade}")
            grades[photo][recordings] = _GRADES[grade]
    return Truth(photos, grades)
