"""The cases of the corpus."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ACCEPTED = ""


@dataclass(frozen=True, slots=True)
class PhotoCase:
    """A file sent as a photo, and the expected answers.

    `codes` are the allowed answers, which may include `ACCEPTED`; `number` is the case's number in
    the list of bad inputs.
    """

    number: int
    name: str
    make: Callable[[], bytes]
    codes: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.number}-{self.name}"


@dataclass(frozen=True, slots=True)
class RecordingCase:
    """A file to import, and the expected outcomes."""

    number: int
    name: str
    write: Callable[[Path], object]
    codes: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.number}-{self.name}"


def photo_cases(
    by_answer: Mapping[tuple[str, ...], Sequence[tuple[int, str, Callable[[], bytes]]]],
) -> list[PhotoCase]:
    return [PhotoCase(*case, codes) for codes, group in by_answer.items() for case in group]


def recording_cases(
    by_answer: Mapping[tuple[str, ...], Sequence[tuple[int, str, Callable[[Path], object]]]],
) -> list[RecordingCase]:
    return [RecordingCase(*case, codes) for codes, group in by_answer.items() for case in group]
