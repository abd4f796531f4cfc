"""`manage.py fetch_models [--force]`."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser
from typing import Self

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from retrieval.engine.errors import WeightsError
from retrieval.engine.networks.provisioning import Provision, ProvisionOutcome, provide
from retrieval.engine.networks.weights import ALL_WEIGHTS, WeightSpec

LINE_EVERY_S = 5.0


class Command(BaseCommand):
    """Bring the models' weights to where the program reads them."""

    help = (
        "Find or download the published weights of every model, prove their hash and convert "
        "them. What is already there and right is left alone; a broken download goes on where it "
        "stopped."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument(
            "--force", action="store_true", help="convert again even where nothing is wrong"
        )

    def handle(self, *, force: bool, **_options: object) -> None:
        """Provide every model, and fail at the end if one could not be."""
        failures = []
        for spec in ALL_WEIGHTS:
            try:
                with _Display(spec.name) as display:
                    provision = provide(
                        spec,
                        search_path=settings.SOUNDSCAPE_MODEL_SEARCH_PATH,
                        directory=settings.SOUNDSCAPE_MODELS_DIRECTORY,
                        force=force,
                        progress=display.show,
                    )
            except (WeightsError, OSError) as error:
                failures.append(f"{spec.name}: {error}")
            else:
                self.stdout.write(_sentence(spec, provision))
        if failures:
            raise CommandError("\n".join(failures))


def _sentence(spec: WeightSpec, provision: Provision) -> str:
    match provision.provenance:
        case ProvisionOutcome.PRESENT:
            return f"{spec.name}: already there ({provision.path})"
        case ProvisionOutcome.FOUND:
            return f"{spec.name}: found {provision.path}, converted to {spec.converted_name}"
        case ProvisionOutcome.DOWNLOADED:
            return f"{spec.name}: downloaded {provision.path}, converted to {spec.converted_name}"


class _Display:
    """A bar for one model on the terminal; on a file or pipe, a line now and then of a download."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._console = Console(file=sys.stderr)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task(name, total=None)
        self._next_line = time.monotonic()

    def show(self, done: int, total: int | None) -> None:
        """Bring the display up to date with a download."""
        self._bar.update(self._task, completed=done, total=total)
        if not self._console.is_terminal and time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + LINE_EVERY_S
            size = "" if total is None else f", {done / 1e6:.1f} of {total / 1e6:.1f} MB"
            self._console.print(f"{self._name}: downloading{size}", soft_wrap=True)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._bar.stop()
