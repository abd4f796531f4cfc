"""`manage.py remove_second_factor USERNAME`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.selectors.users import account_named
from accounts.services.second_factors import remove_second_factors


class Command(BaseCommand):
    """Remove the second factors and recovery codes of somebody who has lost them.

    First make sure that it is this person who asks: the password alone then opens the account.
    """

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument("username", metavar="USERNAME", help="the account's name")

    def handle(self, *, username: str, **options: Any) -> None:
        """Remove them and print how many there were."""
        user = account_named(username)
        if user is None:
            raise CommandError(f"There is no account {username!r} [account_unknown]")
        removed = remove_second_factors(user_id=user.pk, actor_id=None)
        if not removed:
            raise CommandError(f"The account {username!r} has no second factor [nothing_to_remove]")
        self.stdout.write(
            f"Removed the second factors of {username!r}; the password is enough now."
        )
