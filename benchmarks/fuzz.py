"""`make fuzz`: decode randomly mutated files with the decoding pool.

Seed and number determine a file. Files that kill a child, time out or reveal a fault of ours are
kept, named by seed and number.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.fuzz_seeds import photo_seeds, recording_seeds
from benchmarks.report import figure, heading
from retrieval.decoding.limits import DecodingLimits
from retrieval.decoding.pool import ChildLostError, DecodingPool
from retrieval.engine.errors import DecodeError
from retrieval.engine.photos.limits import PhotoLimits

_AHEAD_PER_PROCESS = 4
_EDGE_VALUES = (b"\x00", b"\xff", b"\x7f", b"\x80", b"\xff" * 4, b"\x7f\xff\xff\xff", bytes(8))
_HEADER_BYTES = 400
_LIMITS = DecodingLimits(
    photo=PhotoLimits(max_bytes=20_000_000, max_pixels=50_000_000),
    recording_timeout_s=30.0,
    recording_cpu_s=20.0,
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one file: a code, and whether to keep the file."""

    code: str
    detail: str = ""
    killed: bool = False
    fault: bool = False


@dataclass(frozen=True, slots=True)
class Seeds:
    """Valid files by name."""

    photos: dict[str, bytes]
    recordings: dict[str, bytes]

    def pick(self, random: Random) -> tuple[str, bytes, bool]:
        """Return a file's name and bytes, and whether it is a photo (probability 0.5)."""
        is_photo = random.random() < 0.5
        files = self.photos if is_photo else self.recordings
        name = random.choice(sorted(files))
        return name, files[name], is_photo


def mutated(data: bytes, random: Random, *, other: bytes) -> bytes:
    """Change a file at one to eight positions, mostly near its beginning."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4, 8))):
        reach = min(len(changed), random.choice((_HEADER_BYTES, len(changed))))
        place = random.randrange(max(1, reach))
        random.choice(_CHANGES)(changed, place, random, other)
    return bytes(changed)


def _flip(data: bytearray, place: int, random: Random, other: bytes) -> None:
    if place < len(data):
        data[place] ^= 1 << random.randrange(8)


def _overwrite(data: bytearray, place: int, random: Random, other: bytes) -> None:
    value = random.choice(_EDGE_VALUES)
    data[place : place + len(value)] = value


def _scramble(data: bytearray, place: int, random: Random, other: bytes) -> None:
    data[place : place + 16] = random.randbytes(min(16, len(data) - place))


def _cut_out(data: bytearray, place: int, random: Random, other: bytes) -> None:
    del data[place : place + random.randrange(1, 64)]


def _repeat(data: bytearray, place: int, random: Random, other: bytes) -> None:
    part = data[place : place + random.randrange(1, 256)]
    data[place:place] = part * random.choice((1, 2, 50))


def _cut_off(data: bytearray, place: int, random: Random, other: bytes) -> None:
    del data[max(64, place) :]


def _splice(data: bytearray, place: int, random: Random, other: bytes) -> None:
    start = random.randrange(max(1, len(other)))
    data[place : place + 64] = other[start : start + 64]


_CHANGES: tuple[Callable[[bytearray, int, Random, bytes], None], ...] = (
    _flip, _flip, _overwrite, _overwrite, _scramble, _cut_out, _repeat, _cut_off, _splice,
)  # fmt: skip


@dataclass(kw_only=True)
class Fuzzer:
    """One run over the files of a seed, and its outcomes."""

    pool: DecodingPool
    seeds: Seeds
    seed: int
    folder: Path
    outcomes: Counter[str] = field(default_factory=Counter)
    killers: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def file(self, number: int) -> tuple[str, bytes, bool]:
        """Return a file's name and bytes, and whether it is a photo."""
        random = Random(f"{self.seed}:{number}")
        name, data, is_photo = self.seeds.pick(random)
        other = self.seeds.pick(random)[1]
        return f"{self.seed}-{number}-{name}", mutated(data, random, other=other), is_photo

    def run(self, numbers: Iterable[int], *, ahead: int, keep: Path) -> None:
        """Decode files, up to `ahead` at a time."""
        waiting: deque[tuple[str, bytes, Future[Any]]] = deque()
        for number in numbers:
            name, data, is_photo = self.file(number)
            waiting.append((name, data, self._submit(name, data, is_photo=is_photo)))
            if len(waiting) >= ahead:
                self._note(*waiting.popleft(), keep)
        while waiting:
            self._note(*waiting.popleft(), keep)

    def _submit(self, name: str, data: bytes, *, is_photo: bool) -> Future[Any]:
        if is_photo:
            return self.pool.submit_photo(data)
        path, preview = self.folder / name, self.folder / f"{name}-played"
        path.write_bytes(data)
        return self.pool.submit_recording(path, waveform_paths={}, preview_path=preview)

    def _note(self, name: str, data: bytes, future: Future[Any], keep: Path) -> None:
        outcome = judge(future)
        self.outcomes[outcome.code] += 1
        if outcome.killed:
            self.killers.append(f"{name}: {outcome.detail}")
        if outcome.fault:
            self.faults.append(f"{name}: {outcome.detail}")
        if outcome.killed or outcome.fault:
            keep.mkdir(parents=True, exist_ok=True)
            (keep / name).write_bytes(data)
        for left in self.folder.glob(f"{name}*"):
            left.unlink()


def judge(future: Future[Any]) -> Outcome:
    """Wait for a file and return its outcome."""
    try:
        future.result()
    except DecodeError as error:
        lost = isinstance(error.__cause__, ChildLostError)
        return Outcome(error.code, str(error), killed=lost, fault=error.decoder_unavailable)
    except Exception as error:  # noqa: BLE001 - any other error is a fault of ours
        return Outcome("fault", repr(error), fault=True)
    return Outcome("decoded")


def main() -> int:
    """Run from the command line; the exit status is 1 after a fault of ours, not after deaths."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=2_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--keep", type=Path, default=Path("var/fuzz"))
    given = parser.parse_args()
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="soundscape-fuzz-") as folder,
        DecodingPool(processes=given.processes, limits=_LIMITS) as pool,
    ):
        place = Path(folder)
        seeds = Seeds(photo_seeds(), recording_seeds(place))
        fuzzer = Fuzzer(pool=pool, seeds=seeds, seed=given.seed, folder=place)
        numbers = range(given.first, given.first + given.files)
        fuzzer.run(numbers, ahead=_AHEAD_PER_PROCESS * given.processes, keep=given.keep)
    _print(fuzzer, given, time.monotonic() - began)
    return 1 if fuzzer.faults else 0


def _print(fuzzer: Fuzzer, given: argparse.Namespace, seconds: float) -> None:
    heading(f"Mutated files, seed {given.seed}")
    figure("files", float(sum(fuzzer.outcomes.values())), "", note=f"{seconds:.0f} s")
    for code, count in fuzzer.outcomes.most_common():
        figure(f"  {code}", float(count), "")
    figure("children that died or took too long", float(len(fuzzer.killers)), "")
    figure("faults of ours", float(len(fuzzer.faults)), "", note="none are allowed")
    for line in (*fuzzer.killers, *fuzzer.faults):
        print(f"  {line[:160]}")
    if fuzzer.killers or fuzzer.faults:
        print(f"  kept in {given.keep}")


if __name__ == "__main__":
    sys.exit(main())
