"""`manage.py check`; with `--tag models` it also checks the models' weights."""

from __future__ import annotations

from contextlib import nullcontext

from django.core.checks import Tags
from django.core.management.commands import check

from retrieval.checks import weights_check


class Command(check.Command):
    """Django's command; it enables the check of weights, because checks do not see the tags."""

    def handle(
        self, *app_labels: list[str], tags: list[str] | None = None, **options: object
    ) -> None:
        """Run the checks."""
        with weights_check() if Tags.models in (tags or ()) else nullcontext():
            super().handle(*app_labels, tags=tags, **options)
