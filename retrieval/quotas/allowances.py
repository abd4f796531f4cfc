"""The allowances of people who are signed in, by a log-in or by a key."""

from __future__ import annotations

from django.conf import settings
from django.utils.translation import gettext as _

from retrieval.quotas.limits import Allowance, UploadLimits
from retrieval.quotas.senders import user_key


def user_allowances(user_id: int) -> tuple[Allowance, ...]:
    """Return the counters to which an upload of a user is added."""
    limits = UploadLimits(*settings.SOUNDSCAPE_USER_LIMITS)
    return (Allowance(user_key(user_id), _("one account"), limits),)
