"""E-mail addresses of accounts."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from django.db import transaction

from accounts.services.audit import record


@transaction.atomic
def drop_claims(*, email: str) -> None:
    """Take an address, which its owner has now verified, from accounts that only claim it."""
    claims = EmailAddress.objects.select_for_update(of=("self",)).filter(email=email)
    for claim in claims.filter(verified=False).select_related("user").order_by("pk"):
        claim.remove()
        record(action="email.removed", subject=f"user {claim.user_id}", actor_id=None)
