"""Take away second factors that people have lost."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.db import transaction

from accounts.services.audit import record


@transaction.atomic
def remove_second_factors(*, user_id: int, actor_id: int | None) -> int:
    """Remove all second factors and recovery codes of a user; return how many there were.

    The next log-in needs the password alone. A person whose role needs a second factor must then
    set up a new one.
    """
    factors = Authenticator.objects.select_for_update().filter(user=user_id).order_by("pk")
    types = list(factors.values_list("type", flat=True))
    if types:
        factors.delete()
        record(
            action="second_factor.lost",
            subject=f"user {user_id}",
            actor_id=actor_id,
            removed=types,
        )
    return len(types)
