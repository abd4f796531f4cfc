"""`manage.py withdraw_clips ID ... --reason TEXT [--restore]`."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from retrieval.management.errors import failures_as_command_errors
from retrieval.management.guards import require_migrated_database
from retrieval.models import Clip
from retrieval.services.clip_care import restore_clips, withdraw_clips


class Command(BaseCommand):
    """Withdraw recordings from the library, or restore them; the next search knows it.

    Rows and files stay, and importing a file again does not restore it. The audit log keeps the
    reason.
    """

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument(
            "clip_ids", metavar="ID", nargs="*", type=int, help="a recording's number in the admin"
        )
        parser.add_argument("--collection", help="every recording of this collection too")
        parser.add_argument("--reason", required=True, help="why; visitors do not see it")
        parser.add_argument("--restore", action="store_true", help="take a withdrawal back instead")

    def handle(
        self,
        *,
        clip_ids: list[int],
        collection: str | None,
        reason: str,
        restore: bool,
        **options: Any,
    ) -> None:
        """Change all of the recordings or none; print how many were changed."""
        require_migrated_database()
        if not reason.strip():
            raise CommandError("The reason is empty [reason_required]")
        act, done = (restore_clips, "Restored") if restore else (withdraw_clips, "Withdrew")
        with failures_as_command_errors(), transaction.atomic():
            chosen = _chosen(clip_ids, collection)
            try:
                changed = act(clip_ids=chosen, reason=reason.strip(), actor_id=None)
            except ValidationError as error:
                raise CommandError(f"The reason: {error.messages[0]} [invalid_reason]") from error
        unchanged = len(chosen) - changed
        already = f"; {unchanged} needed no change" if unchanged else ""
        self.stdout.write(f"{done} {changed} of {len(chosen)} recordings{already}.")


def _chosen(clip_ids: list[int], collection: str | None) -> set[int]:
    """Return the ids of the recordings; raise if any is unknown, or there are none."""
    chosen = set(clip_ids)
    unknown = chosen - set(Clip.objects.filter(pk__in=chosen).values_list("pk", flat=True))
    if unknown:
        numbers = ", ".join(map(str, sorted(unknown)))
        raise CommandError(f"There is no recording {numbers} [clip_unknown]")
    if collection is not None:
        chosen |= set(Clip.objects.filter(collection=collection).values_list("pk", flat=True))
    if not chosen:
        raise CommandError("Name recordings, or a collection that has some [clip_unknown]")
    return chosen
