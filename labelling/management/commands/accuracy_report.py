"""`manage.py accuracy_report CAMPAIGN [--json]`."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from labelling.management.accuracy_tables import as_tables
from labelling.management.campaign_argument import campaign_with_report
from labelling.reporting.figures import make_report
from labelling.selectors.report_rows import report_rows
from retrieval.management.errors import failures_as_command_errors
from retrieval.management.guards import require_migrated_database


class Command(BaseCommand):
    """Print the report of a campaign: how good the matches are, with 95 % intervals."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument("campaign", metavar="CAMPAIGN", help="number or name of a campaign")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, campaign: str, **options: Any) -> None:
        """Compute and print the report."""
        require_migrated_database()
        with failures_as_command_errors():
            report = make_report(report_rows(campaign_with_report(campaign).pk))
        if options["json"]:
            self.stdout.write(json.dumps(asdict(report), indent=2, allow_nan=False))
        else:
            self.stdout.write(as_tables(report))
