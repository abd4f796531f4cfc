"""`manage.py export_report CAMPAIGN --out FILE [--format csv|jsonl|parquet] [--frozen NUMBER]`."""

from __future__ import annotations

import subprocess
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labelling.management.campaign_argument import campaign_with_report
from labelling.selectors.report_contents import ReportContents, frozen_contents, live_contents
from labelling.selectors.snapshots import frozen_report_numbered
from labelling.services.report_files import FileFormat, write_report_files
from retrieval.management.guards import require_migrated_database


class Command(BaseCommand):
    """Write a campaign's report into a zip file: its grades, pairs and figures as tables.

    A data dictionary and the versions of models and libraries come with them. Graders have
    pseudonyms.
    """

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument("campaign", metavar="CAMPAIGN", help="number or name")
        parser.add_argument("--out", type=Path, required=True, help="the zip file to write")
        parser.add_argument("--format", choices=[*FileFormat], default=FileFormat.CSV)
        parser.add_argument(
            "--frozen", type=int, metavar="NUMBER", help="this frozen report, not the one of now"
        )

    def handle(self, *, campaign: str, out: Path, frozen: int | None, **options: Any) -> None:
        """Write the file."""
        require_migrated_database()
        contents = _contents(campaign, frozen)
        try:
            with out.open("xb") as file, _removed_on_failure(out):
                write_report_files(
                    target=file, kind=FileFormat(options["format"]), contents=contents
                )
        except (OSError, subprocess.SubprocessError) as error:
            raise CommandError(f"{out} cannot be written: {error}") from error
        self.stdout.write(f"{out}: {len(contents.rows.grades.grade)} grades")


@contextmanager
def _removed_on_failure(path: Path) -> Iterator[None]:
    """Leave no file behind that is only partly written."""
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _contents(campaign: str, number: int | None) -> ReportContents:
    found = campaign_with_report(campaign)
    if number is None:
        return live_contents(found.pk)
    frozen = frozen_report_numbered(found.pk, number)
    if frozen is None:
        raise CommandError(f"{found.name!r} has no frozen report {number} [report_unknown]")
    return frozen_contents(frozen)
