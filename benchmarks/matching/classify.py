"""Classify the shared recordings and photos: `python -m benchmarks.matching.classify FILE`."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from PIL import Image

from retrieval.engine.matching.recipes import MATCHERS, matcher_named
from retrieval.engine.networks.mobilenet import MobileNetClassifier
from retrieval.engine.networks.soundnet import SoundNetClassifier
from retrieval.engine.networks.yamnet import YamnetClassifier
from retrieval.engine.photos.images import photo_views
from retrieval.engine.spaces.audio_scores import AudioScores
from retrieval.engine.spaces.space import all_spaces
from soundscape_site.settings.paths import SHARED_DIR, VAR_DIR

CROPS: Final = 41
"""Parts of each photo beside the whole: with the 24 sample photos, 1008 queries."""

SMALLEST_SIDE: Final = 0.3
VIEW_PIXELS: Final = 224


def main() -> None:
    library, photos = SHARED_DIR / "library", SHARED_DIR / "photos"
    for needed in (library / "library.csv", photos):
        if not needed.exists():
            raise SystemExit(f"{needed} is missing: the benchmark's library is made from it")
    arrays = _recordings(library) | _queries(photos)
    with Path(sys.argv[1]).open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)


def _recordings(folder: Path) -> dict[str, NDArray[np.float64]]:
    models = VAR_DIR / "models"
    networks = {"objects": SoundNetClassifier(models), "heard": YamnetClassifier(models)}
    found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in networks}
    for path in _paths(folder):
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
        for space in all_spaces():
            network = networks[space.name]
            mono = soxr.resample(samples.mean(axis=1), rate_hz, network.sample_rate_hz, "HQ")
            starts = network.windowing.starts(len(mono))
            windows = network.classify_windows(network.windowing.cut(mono, starts))
            starts_s = [start / network.sample_rate_hz for start in starts]
            stored = space.stored_windows(AudioScores(windows.astype(np.float32), starts_s))
            found[space.name].append(space.clip_profile(stored.windows).values)
    return {name: np.stack(profiles) for name, profiles in found.items()}


def _paths(folder: Path) -> list[Path]:
    paths = []
    for manifest in sorted(folder.glob("*.csv")):
        with manifest.open(encoding="utf-8") as stream:
            paths += [folder / row["path"] for row in csv.DictReader(stream)]
    return paths


def _queries(folder: Path) -> dict[str, NDArray[np.float64]]:
    network, rng = MobileNetClassifier(VAR_DIR / "models"), np.random.default_rng(2)
    seen = []
    for path in sorted(folder.rglob("*.png")):
        image = Image.open(path).convert("RGB")
        parts = [image, *(_part(image, rng) for _ in range(CROPS))]
        seen += [network.classify(photo_views(part, VIEW_PIXELS)) for part in parts]
    order = rng.permutation(len(seen))
    matchers = {name: matcher_named(name) for name in MATCHERS}
    return {
        f"queries_{name}": np.stack([one.query(one.scene(seen[place])) for place in order])
        for name, one in matchers.items()
    }


def _part(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    side = rng.uniform(SMALLEST_SIDE, 1.0)
    width, height = round(image.width * side), round(image.height * side)
    left = int(rng.integers(0, image.width - width + 1))
    top = int(rng.integers(0, image.height - height + 1))
    return image.crop((left, top, left + width, top + height))


if __name__ == "__main__":
    main()
