"""`manage.py make_starter_library [DIRECTORY]`."""

from __future__ import annotations

import csv
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final

import soundfile
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import track

from retrieval.catalogue.licences import LICENCES
from retrieval.catalogue.manifest import COLUMNS
from retrieval.engine.synthesis.catalogue import AMBIENCES, Ambience, synthesise
from retrieval.engine.synthesis.loop import SAMPLE_RATE_HZ

MANIFEST_NAME: Final = "library.csv"
LICENCE: Final = LICENCES["CC0-1.0"]


class Command(BaseCommand):
    """Synthesise eight ambient recordings for a machine that has no library.

    Write them with a manifest, and print the manifest's path. Every run writes the same files.
    """

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument(
            "directory",
            nargs="?",
            type=Path,
            default=settings.SOUNDSCAPE_STARTER_LIBRARY,
            help="the folder to write to (default: %(default)s)",
        )

    def handle(self, *, directory: Path, **options: Any) -> None:
        """Write the recordings, then the manifest: if it exists, the library is complete."""
        try:
            directory.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".making-", dir=directory) as unfinished:
                for file in _write_library(Path(unfinished)):
                    file.replace(directory / file.name)
        except (OSError, soundfile.SoundFileError) as error:
            raise CommandError(f"Cannot write the library to {directory}: {error}") from error
        self.stdout.write(str(directory / MANIFEST_NAME))


def _write_library(folder: Path) -> list[Path]:
    """Write the library and return its files, the manifest last."""
    recordings = []
    for ambience in track(AMBIENCES, description="Synthesising", console=Console(stderr=True)):
        file = folder / _file_name(ambience)
        soundfile.write(file, synthesise(ambience), SAMPLE_RATE_HZ, subtype="PCM_16")
        recordings.append(file)
    manifest = folder / MANIFEST_NAME
    with manifest.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        rows.writeheader()
        rows.writerows(_row(ambience) for ambience in AMBIENCES)
    return [*recordings, manifest]


def _row(ambience: Ambience) -> dict[str, str]:
    return {
        "path": _file_name(ambience),
        "title": ambience.title,
        "tags": ";".join(ambience.tags),
        "author": "Scenery Soundscaping",
        "license": LICENCE.code,
        "license_url": LICENCE.url,
        "source_url": "",  # synthesised, so there is no source
        "collection": "Starter library",
    }


def _file_name(ambience: Ambience) -> str:
    return f"{ambience.name}.flac"
