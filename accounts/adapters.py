"""How allauth works on this site."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):
    """Sign-up and log-in."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return whether anybody may sign up."""
        return bool(settings.SOUNDSCAPE_SIGNUP == "open")
