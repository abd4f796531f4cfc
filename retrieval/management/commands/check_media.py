"""`manage.py check_media [--fix] [--json]`."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from retrieval.management.counting import Counting, megabytes_a_second
from retrieval.management.guards import require_migrated_database
from retrieval.selectors.media_files import named_file_count
from retrieval.services.media_check import MediaReport, check_media

_NAMES_SHOWN: Final = 20


class Command(BaseCommand):
    """Compare files and rows."""

    help = (
        "Check that every file which the database names is there and unaltered, and that no other "
        "lies about. Exit status 1 if not. May run beside the site."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument(
            "--fix",
            action="store_true",
            help="remove files that no row names and that are older than a day; nothing else",
        )
        parser.add_argument("--json", action="store_true", help="print a report as one JSON object")

    def handle(self, *, fix: bool, json: bool, **options: Any) -> None:
        """Check and report."""
        require_migrated_database()
        with Counting("Checking", total=named_file_count(), quiet=json) as counting:
            report = check_media(
                fix=fix,
                on_progress=lambda now: counting.show(
                    done=now.files, rate=megabytes_a_second(now.bytes)
                ),
            )
        if json:
            self.stdout.write(_as_json(report))
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
                f"{report.arriving} files younger than a day have no row yet: uploads and imports "
                "under way, or what an interrupted one left."
            )
        if report.unproven:
            self.stdout.write(
                f"{report.unproven} files of an early version have names that do not tell whether "
                "they are altered."
            )


def _verdict(report: MediaReport) -> str:
    counts = (
        f"{report.missing.count} missing, {report.altered.count} altered, "
        f"{report.unreadable.count} unreadable, {report.orphaned.count} orphaned"
    )
    steps = []
    if report.missing.count or report.altered.count:
        steps.append("bring missing and altered files back from a backup")
    if report.unreadable.count:
        steps.append("see in the log why unreadable ones are: rights, or the disk")
    if report.orphaned.count:
        steps.append("remove orphaned ones with --fix")
    return f"Files and rows do not agree: {counts}; {', '.join(steps)} [media_disagrees]"


def _as_json(report: MediaReport) -> str:
    return json.dumps({"agrees": report.agrees} | asdict(report), ensure_ascii=False)
