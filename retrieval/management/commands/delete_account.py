"""`manage.py delete_account USERNAME [--no-input]`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from accounts.models import User
from retrieval.management.guards import require_migrated_database
from retrieval.selectors.deletion import account_named, owned_scene_count
from retrieval.services.deletion import delete_account

_STAYS = (
    "What stays: the addresses of its photos, which say that they are gone, and the account's "
    "number where it asked for an import, overrode sounds or is in the audit log, and for a day or "
    "two at the count of what it sent. Photos from before it signed in belong to their browser."
)


class Command(BaseCommand):
    """Delete an account with all its photos."""

    help = (
        "Delete an account, every photo it sent and what was found for them. An interrupted "
        "deletion is ended by the same command."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument("username", help="the name it signs in by")
        parser.add_argument(
            "--noinput",
            "--no-input",
            action="store_false",
            dest="interactive",
            help="do not ask whether it is meant",
        )

    def handle(self, *, username: str, interactive: bool, **options: Any) -> None:
        """Ask, delete, and say what went and what stays."""
        require_migrated_database()
        user = account_named(username)
        if user is None:
            raise CommandError(f"there is no account {username!r} [account_unknown]")
        if interactive and not _is_meant(user):
            raise CommandError("Nothing was deleted.")
        try:
            deleted = delete_account(user_id=user.pk)
        except DatabaseError as error:
            raise CommandError(
                f"The deletion stopped: {error}. What is not deleted yet is whole; the same "
                "command goes on."
            ) from error
        self.stdout.write(f"The account {username!r} was deleted, and {_photos(deleted)}.")
        self.stdout.write(_STAYS)


def _is_meant(user: User) -> bool:
    question = (
        f"This deletes the account {user.username!r} and {_photos(owned_scene_count(user.pk))}, "
        "with all that was found for them.\nNothing brings them back. "
        "Type 'yes' to continue, or 'no' to cancel: "
    )
    try:
        return input(question) == "yes"
    except EOFError:  # there is nobody to ask
        return False


def _photos(number: int) -> str:
    return "1 photo" if number == 1 else f"{number} photos"
