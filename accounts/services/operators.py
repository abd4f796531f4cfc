"""The rule that the site keeps an operator."""

from __future__ import annotations

from django.db.models import Q

from accounts.models import User


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
