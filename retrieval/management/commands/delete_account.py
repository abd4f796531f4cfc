"""`manage.py delete_account USERNAME [--no-input]`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from accounts.selectors.users import account_named
from retrieval.management.errors import failures_as_command_errors
from retrieval.management.guards import require_migrated_database
from retrieval.selectors.deletion import owned_scene_count
from retrieval.services.erasure import delete_account

_WHAT_STAYS = (
    "What stays: the addresses of its photos, which answer that the photo was deleted; its reports "
    "of photos, without its name or number; its number in imports that it requested, in overrides "
    "of sounds and in the audit log. Photos that were sent without an account and never claimed "
    "stay until they expire."
)


class Command(BaseCommand):
    """Delete an account with all its photos and their results.

    The sweeper completes an interrupted deletion.
    """

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument("username", metavar="USERNAME", help="the account's sign-in name")
        parser.add_argument(
            "--noinput",
            "--no-input",
            action="store_false",
            dest="interactive",
            help="do not ask for confirmation",
        )

    def handle(self, *, username: str, interactive: bool, **options: Any) -> None:
        """Ask for confirmation, delete, and print what was deleted and what stays."""
        require_migrated_database()
        user = account_named(username)
        if user is None:
            raise CommandError(f"There is no account {username!r} [account_unknown]")
        if interactive and not _is_confirmed(user):
            raise CommandError("Nothing was deleted.")
        with failures_as_command_errors():
            deleted = delete_account(user_id=user.pk)
        self.stdout.write(f"Deleted the account {username!r} and {_photos(deleted)}.")
        self.stdout.write(_WHAT_STAYS)


def _is_confirmed(user: User) -> bool:
    question = (
        f"This deletes the account {user.username!r} and {_photos(owned_scene_count(user.pk))} "
        "with their results.\nIt cannot be undone. Type 'yes' to continue, or 'no' to cancel: "
    )
    try:
        return input(question) == "yes"
    except EOFError:  # standard input is not interactive
        return False


def _photos(number: int) -> str:
    return "1 photo" if number == 1 else f"{number} photos"
