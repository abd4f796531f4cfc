"""`manage.py heard_there [CLASS ...] [--markdown]`."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from retrieval.engine.vocabulary.heard_there import HeardEntry, HeardThere, load_heard_there
from retrieval.management.heard_there_page import as_markdown, one_line
from retrieval.selectors.matchers import site_recipe, table_up_to


class Command(BaseCommand):
    """Show what one hears where one sees a class."""

    help = (
        "Show what one hears where one sees each class of the image model, this site's overrides "
        "included. With --markdown, the page docs/heard-there.md: the program's own table."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument(
            "classes", nargs="*", metavar="CLASS", help="a class's name or wnid (default: all)"
        )
        parser.add_argument("--markdown", action="store_true", help="print the page of docs/")

    def handle(self, *, classes: list[str], markdown: bool, **options: Any) -> None:
        """Print the table, or a part of it."""
        if markdown:
            self.stdout.write(as_markdown(load_heard_there()), ending="")
            return
        table = table_up_to(site_recipe().override_id)
        for entry in _asked(table, classes):
            self.stdout.write(f"{entry.label.key}  {one_line(entry)}")
            for sound in entry.sounds:
                self.stdout.write(f"    {sound.weight:5.1%}  {sound.label.name}: {sound.why}")


def _asked(table: HeardThere, classes: list[str]) -> list[HeardEntry]:
    if not classes:
        return list(table.entries)
    asked = [
        entry
        for entry in table.entries
        if {entry.label.key, entry.label.name.lower()} & {name.lower() for name in classes}
    ]
    if not asked:
        raise CommandError(f"no class is called {', '.join(classes)} [unknown_class]")
    return asked
