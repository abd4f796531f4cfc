"""`manage.py heard_there [CLASS ...] [--markdown]`."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from retrieval.engine.vocabulary.heard_there import HeardEntry, HeardThere, load_heard_there
from retrieval.management.guards import require_migrated_database
from retrieval.management.heard_there_page import as_markdown, one_line
from retrieval.selectors.matchers import site_recipe, table_up_to


class Command(BaseCommand):
    """Print the sounds expected where a photo of each image class is taken.

    The table includes this site's overrides. With --markdown, print docs/heard-there.md, without
    overrides.
    """

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument(
            "classes", nargs="*", metavar="CLASS", help="a class name or WordNet id (default: all)"
        )
        parser.add_argument("--markdown", action="store_true", help="print docs/heard-there.md")

    def handle(self, *, classes: list[str], markdown: bool, **options: Any) -> None:
        """Print the table or the requested classes."""
        if markdown:
            self.stdout.write(as_markdown(load_heard_there()), ending="")
            return
        require_migrated_database()
        table = table_up_to(site_recipe().override_id)
        for entry in _requested(table, classes):
            self.stdout.write(f"{entry.label.key}  {one_line(entry)}")
            for sound in entry.sounds:
                self.stdout.write(f"    {sound.weight:5.1%}  {sound.label.name}: {sound.why}")


def _requested(table: HeardThere, classes: list[str]) -> list[HeardEntry]:
    if not classes:
        return list(table.entries)
    names = {name.lower() for name in classes}
    found = [entry for entry in table.entries if _names(entry) & names]
    unknown = names.difference(*map(_names, found))
    if unknown:
        raise CommandError(
            f"Unknown class: {', '.join(sorted(unknown))}. Without arguments the command lists "
            "every class [unknown_class]"
        )
    return found


def _names(entry: HeardEntry) -> set[str]:
    return {entry.label.key, entry.label.name.lower()}
