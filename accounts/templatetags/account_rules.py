"""Rules of accounts that pages state: who can sign up, how long links work."""

from __future__ import annotations

from allauth.account import app_settings
from django import template
from django.conf import settings
from django.utils.translation import ngettext

register = template.Library()


@register.simple_tag
def sign_up_is_open() -> bool:
    """Return whether people can sign up without an invitation."""
    return bool(settings.SOUNDSCAPE_SIGNUP == "open")


@register.simple_tag
def confirmation_days() -> str:
    """Return how long a link to confirm an address works, in words."""
    return _days(app_settings.EMAIL_CONFIRMATION_EXPIRE_DAYS)


@register.simple_tag
def reset_days() -> str:
    """Return how long a link to a new password works, in words."""
    return _days(settings.PASSWORD_RESET_TIMEOUT // (24 * 3600))


def _days(days: int) -> str:
    return ngettext("%(days)d day", "%(days)d days", days) % {"days": days}
