"""`manage.py fetch_models [--force]`."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser
from collections.abc import Collection

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from retrieval.engine.errors import WeightsError
from retrieval.engine.networks.provisioning import Provision, ProvisionOutcome, provide
from retrieval.engine.networks.weights import ALL_WEIGHTS, WeightSpec
from retrieval.management.progress import LINE_EVERY_S
from retrieval.selectors.networks import ignores_sounds, missing_requirements


class Command(BaseCommand):
    """Provide the weights of all networks."""

    help = (
        "Find or download the published weights of every network, verify their hash and convert "
        "them. Valid converted weights are kept; a broken download is resumed. Fails only if "
        "SoundNet or every image network is unavailable."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument(
            "--force", action="store_true", help="convert again even if the result is valid"
        )

    def handle(self, *, force: bool, **_options: object) -> None:
        """Provide every network; fail at the end if one that is needed is missing."""
        errors: dict[WeightSpec, WeightsError | OSError | ImportError] = {}
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
            except (WeightsError, OSError, ImportError) as error:  # a platform may lack LiteRT
                errors[spec] = error
                self.stdout.write(f"{spec.name}: unavailable ({str(error).splitlines()[0]})")
            else:
                self.stdout.write(_sentence(spec, provision))
        missing = missing_requirements([spec for spec in ALL_WEIGHTS if spec not in errors])
        if missing:
            raise CommandError("\n".join(f"{spec.name}: {errors[spec]}" for spec in missing))
        self.stdout.write(_summary(errors))


def _summary(unavailable: Collection[WeightSpec]) -> str:
    """Return the last line of the output, which `make` shows as the step's result."""
    if not unavailable:
        return f"All {len(ALL_WEIGHTS)} networks are available"
    effect = ": photos are matched by things, not by sounds" if ignores_sounds() else ""
    return f"Without {', '.join(spec.name for spec in unavailable)}{effect}"


def _sentence(spec: WeightSpec, provision: Provision) -> str:
    if provision.provenance is ProvisionOutcome.PRESENT:
        return f"{spec.name}: present ({provision.path})"
    return (
        f"{spec.name}: {provision.provenance} {provision.path}, converted to {spec.converted_name}"
    )


class _Display(Progress):
    """Progress of one download: a bar on a terminal, else a line every few seconds."""

    def __init__(self, name: str) -> None:
        console = Console(file=sys.stderr)
        super().__init__(
            *(TextColumn(name), BarColumn(), DownloadColumn(), TransferSpeedColumn()),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._name, self._next_line = name, time.monotonic()
        self._download = self.add_task(name, total=None)

    def show(self, done: int, total: int | None) -> None:
        """Update the display."""
        self.update(self._download, completed=done, total=total)
        if not self.console.is_terminal and time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + LINE_EVERY_S
            size = "" if total is None else f", {done / 1e6:.1f} of {total / 1e6:.1f} MB"
            self.console.print(f"{self._name}: downloading{size}", soft_wrap=True)
