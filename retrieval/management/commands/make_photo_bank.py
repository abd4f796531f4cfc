"""`manage.py make_photo_bank`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from retrieval.management.guards import require_migrated_database
from retrieval.selectors.matchers import bank_spaces
from retrieval.services.site_overrides import BankTooSmallError, make_photo_bank


class Command(BaseCommand):
    """Judge scores against the site's own photos instead of the classes."""

    help = (
        "Make a bank of the photos that this site has seen: from then on the scores of recordings "
        "are judged against it. Of the photos only a mean and a covariance are kept."
    )

    def handle(self, **options: Any) -> None:
        """Make it, say how large it is."""
        require_migrated_database()
        spaces = {space.name: space for space in bank_spaces()}
        try:
            bank = make_photo_bank(spaces)
        except BankTooSmallError as error:
            raise CommandError(f"{error} [bank_too_small]") from error
        self.stdout.write(f"Bank {bank.pk}, of {bank.photos} photos, is in force.")
