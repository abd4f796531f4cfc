"""`manage.py bench_retrieval [--matcher NAME ...] [--json]`."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from numpy.typing import NDArray

from retrieval.catalogue.benchmark_truth import Truth, load_truth
from retrieval.decoding.configured_limits import decoding_limits
from retrieval.decoding.pool import DecodingPool
from retrieval.engine.matching.length import longer_first
from retrieval.engine.matching.recipes import MATCHERS
from retrieval.engine.networks.registry import ModelRegistry
from retrieval.management.bench_report import (
    BenchReport,
    Recording,
    as_json,
    as_tables,
    build_report,
)
from retrieval.management.errors import failures_as_command_errors
from retrieval.management.guards import require_migrated_database
from retrieval.selectors.library import searchable_recordings
from retrieval.selectors.matchers import matcher_in_force
from retrieval.services.indexing import open_library
from retrieval.services.matching import SoundFinder


class Command(BaseCommand):
    """Measure the quality of matches against the project's ground truth.

    Rank the library for each sample photo of a scenery and measure the first recording, the first
    five and the first ten against the ground truth, with confidence intervals.
    """

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument(
            "--matcher",
            action="append",
            choices=MATCHERS,
            help="the matcher to measure; may be given several times (default: all)",
        )
        parser.add_argument(
            "--by-score-only",
            action="store_true",
            help="without the order by length among nearly equal recordings",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, matcher: list[str] | None, by_score_only: bool, **options: Any) -> None:
        """Rank, grade and print the report."""
        self._by_score_only = by_score_only
        require_migrated_database()
        with failures_as_command_errors():
            report = self._measure(matcher or list(MATCHERS))
        as_text = json.dumps(as_json(report), indent=2) if options["json"] else as_tables(report)
        self.stdout.write(as_text)

    def _measure(self, names: list[str]) -> BenchReport:
        truth = load_truth()
        recordings = [Recording(*facts) for facts in searchable_recordings()]
        if not recordings:
            raise CommandError("The library is empty; run `make setup` [library_empty]")
        seen = self._seen(truth)
        durations_s = {one.clip_id: one.duration_s for one in recordings}
        rankings = {name: self._rankings(name, seen, durations_s) for name in names}
        known = set.intersection(
            *(set(ranking) for by_photo in rankings.values() for ranking in by_photo.values())
        )
        if not known:
            raise CommandError(
                "No recording has the profiles of all these matchers; run "
                "`manage.py profile_clips` [profiles_missing]"
            )
        if len(known) < len(recordings):
            self.stderr.write(
                f"{len(recordings) - len(known)} recordings lack profiles and are left out."
            )
        return build_report(
            truth,
            recordings=[recording for recording in recordings if recording.clip_id in known],
            rankings={
                name: {
                    photo: [clip_id for clip_id in ranking if clip_id in known]
                    for photo, ranking in by_photo.items()
                }
                for name, by_photo in rankings.items()
            },
        )

    def _rankings(
        self, name: str, seen: dict[str, NDArray[np.float64]], durations_s: dict[int, float]
    ) -> dict[str, list[int]]:
        """Rank the library for each photo, longer ones first as a search does."""
        matcher = matcher_in_force(name)
        library = open_library(matcher=matcher, directory=settings.SOUNDSCAPE_INDEX_DIRECTORY)
        rankings = {}
        for photo, views in seen.items():
            query = matcher.query(matcher.scene(views))
            ranking = library.ranker.rank(query, top=max(1, library.size))
            if matcher.prefers_length and not self._by_score_only:
                ranking = longer_first(ranking, durations_s)
            rankings[photo] = [place.clip_id for place in ranking]
        return rankings

    def _seen(self, truth: Truth) -> dict[str, NDArray[np.float64]]:
        photos = {path.name: path for path in Path(settings.SOUNDSCAPE_SAMPLE_PHOTOS).rglob("*")}
        missing = [photo for photo in truth.photos if photo not in photos]
        if missing:
            raise CommandError(
                f"{len(missing)} photos of the ground truth, the first is {missing[0]}, are not in "
                f"{settings.SOUNDSCAPE_SAMPLE_PHOTOS}; set SOUNDSCAPE_SAMPLE_PHOTOS to their folder"
            )
        finder = SoundFinder(
            settings.SOUNDSCAPE_MATCHER,
            registry=ModelRegistry(settings.SOUNDSCAPE_MODELS_DIRECTORY),
            index_directory=settings.SOUNDSCAPE_INDEX_DIRECTORY,
        )
        with DecodingPool(processes=1, limits=decoding_limits()) as pool:
            return {
                photo: finder.classify(pool.decode_photo(photos[photo]).views).views
                for photo in truth.photos
            }
