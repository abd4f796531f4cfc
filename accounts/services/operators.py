"""Rules for operators: the site keeps one, and their invitations end with their role."""

from __future__ import annotations

from django.db.models import Q
from django.utils import timezone

from accounts.models import Invitation, User
from accounts.models.invitations import OPEN
from accounts.services.audit import record


class LastOperatorError(Exception):
    """Nobody would be left to run the site."""

    code = "last_operator"


def lock_person(*, user_id: int) -> tuple[User, bool]:
    """Lock a person and all active operators; return the person and whether they are the last one.

    All transactions lock them in the same order, so two operators who take each other's role wait
    for each other, and the second one sees what the first one did.

    Raises
    ------
    User.DoesNotExist
        If there is no such account, or it is being erased.
    """
    either = Q(pk=user_id) | Q(is_staff=True, is_active=True)
    locked = User.objects.select_for_update(no_key=True).order_by("pk")
    people = {user.pk: user for user in locked.filter(either, erasure_requested_at=None)}
    if user_id not in people:
        raise User.DoesNotExist(f"there is no account {user_id}")
    user = people.pop(user_id)
    return user, user.is_staff and user.is_active and not people


def revoke_invitations_of(*, user_id: int, actor_id: int | None) -> None:
    """Revoke the open invitations that a person sent, who may not invite any more."""
    sent = Invitation.objects.select_for_update().filter(OPEN, invited_by=user_id)
    for invitation in sent.order_by("pk"):
        invitation.revoked_at = timezone.now()
        invitation.save(update_fields=["revoked_at"])
        record(
            action="invitation.revoked", subject=f"invitation {invitation.pk}", actor_id=actor_id
        )
