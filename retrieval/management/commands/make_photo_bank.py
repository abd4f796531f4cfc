"""`manage.py make_photo_bank`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from retrieval.management.guards import require_migrated_database
from retrieval.selectors.matchers import bank_spaces
from retrieval.services.site_overrides import BankTooSmallError, make_photo_bank


class Command(BaseCommand):
    """Standardise scores over the site's own photos instead of over the image classes.

    Compute the mean and covariance of the photos' class distributions; new matches then use them.
    Nothing else of the photos is kept.
    """

    help = __doc__

    def handle(self, **options: Any) -> None:
        """Make the bank and print its size."""
        require_migrated_database()
        spaces = {space.name: space for space in bank_spaces()}
        try:
            bank = make_photo_bank(spaces=spaces)
        except BankTooSmallError as error:
            raise CommandError(f"{error} [bank_too_small]") from error
        self.stdout.write(f"Bank {bank.pk} of {bank.photos} photos applies from now on.")
