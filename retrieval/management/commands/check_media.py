"""`manage.py check_media [--fix] [--json]`."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from retrieval.management.guards import require_migrated_database
from retrieval.management.progress import ProgressDisplay, megabytes_a_second
from retrieval.selectors.media_files import named_file_count
from retrieval.services.media_check import MediaReport, check_media

_NAMES_SHOWN: Final = 20


class Command(BaseCommand):
    """Compare the media files with the database.

    Check that every file in the database exists with its original content, and that there are no
    further files. The exit status is 1 if not. The site may be running.
    """

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument(
            "--fix",
            action="store_true",
            help="delete files that are not in the database and are older than a day, nothing else",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, fix: bool, **options: Any) -> None:
        """Check and print the report."""
        require_migrated_database()
        with ProgressDisplay(
            "Checking", total=named_file_count(), quiet=options["json"]
        ) as display:
            report = check_media(
                fix=fix,
                on_progress=lambda now: display.show(
                    done=now.files, rate=megabytes_a_second(now.bytes)
                ),
            )
        if options["json"]:
            data = {"agrees": report.agrees} | asdict(report)
            self.stdout.write(json.dumps(data, ensure_ascii=False))
        else:
            self._print(report)
        if not report.agrees:
            raise CommandError(_verdict(report))

    def _print(self, report: MediaReport) -> None:
        self.stdout.write(f"{report.files} files, {report.bytes / 1e6:.1f} MB.")
        for kind in ("missing", "altered", "unreadable", "orphaned", "removed"):
            findings = getattr(report, kind)
            for name in findings.names[:_NAMES_SHOWN]:
                self.stdout.write(f"  {kind}: {name}")
            if findings.count > _NAMES_SHOWN:
                self.stdout.write(f"  {kind}: {findings.count - _NAMES_SHOWN} more")
        if report.arriving:
            self.stdout.write(
                f"{report.arriving} files younger than a day are not in the database: uploads and "
                "imports in progress, or left over from interrupted ones."
            )
        if report.unproven:
            self.stdout.write(
                f"{report.unproven} files are named by the hash of their original, not of their "
                "content: an early version stored them so, or they were altered."
            )


def _verdict(report: MediaReport) -> str:
    counts = (
        f"{report.missing.count} missing, {report.altered.count} altered, "
        f"{report.unreadable.count} unreadable, {report.orphaned.count} orphaned"
    )
    steps = []
    if report.missing.count or report.altered.count:
        steps.append("restore missing and altered files from a backup")
    if report.unreadable.count:
        steps.append("see the log about unreadable files: permissions or the disk")
    if report.orphaned.count:
        steps.append("delete orphaned files with --fix")
    return f"Media files and database differ: {counts}; {', '.join(steps)} [media_disagrees]"
