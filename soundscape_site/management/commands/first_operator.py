"""`manage.py first_operator`: print the address that makes the first operator."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from accounts.services.invitations import OperatorExistsError, invite_first_operator
from retrieval.management.guards import require_migrated_database


class Command(BaseCommand):
    """Print an address that works once; it replaces the one that was printed before."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument(
            "--site",
            metavar="URL",
            default=_site(),
            help="where visitors reach the site (default: %(default)s)",
        )

    def handle(self, *, site: str, **options: Any) -> None:
        """Print the address, alone on its line."""
        require_migrated_database()
        try:
            token = invite_first_operator()
        except OperatorExistsError:
            raise CommandError(
                "The site has an operator already, who invites others on the page /people/."
            ) from None
        path = reverse("accounts:invitation_link", args=[token])
        self.stdout.write(site.rstrip("/") + path)


def _site() -> str:
    """Return the address that the settings suggest."""
    host = settings.ALLOWED_HOSTS[0].lstrip(".") if settings.ALLOWED_HOSTS else "localhost"
    return f"https://{host}" if settings.SECURE_SSL_REDIRECT else f"http://{host}:8000"
