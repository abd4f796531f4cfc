"""`manage.py check`, with the models' weights among what `--tag models` looks at."""

from __future__ import annotations

from contextlib import nullcontext

from django.core.checks import Tags
from django.core.management.commands import check

from retrieval.checks import weights_check


class Command(check.Command):
    """Django's command; it alone knows which tags were asked for, so it tells our check."""

    def handle(
        self, *app_labels: list[str], tags: list[str] | None = None, **options: object
    ) -> None:
        """Run the checks."""
        with weights_check() if Tags.models in (tags or ()) else nullcontext():
            super().handle(*app_labels, tags=tags, **options)
