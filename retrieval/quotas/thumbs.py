"""How often one sender may say whether recordings fit."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext as _

from retrieval.quotas.limits import LimitExceededError
from retrieval.quotas.rates import seconds_to_wait

THUMBS_A_MINUTE: Final = 120
"""Of an account or a network address: a browser could drop its cookie."""


def check_thumbs(sender_key: str) -> None:
    """Count a thumb of a sender in the current minute.

    Raises
    ------
    LimitExceededError
        With code ``thumb_limit``, if it is one too many.
    """
    wait_s = seconds_to_wait({f"thumbs:{sender_key}": THUMBS_A_MINUTE})
    if wait_s:
        detail = _("You answer faster than we can count. Try again in {wait_s} s.")
        raise LimitExceededError(
            detail.format(wait_s=wait_s), code="thumb_limit", retry_after_s=wait_s
        )
