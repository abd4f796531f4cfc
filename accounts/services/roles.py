"""Give and take roles; deactivate and reactivate accounts."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from django.contrib.auth.models import Group
from django.db import transaction

from accounts.models import User
from accounts.roles import Role
from accounts.selectors.roles import held_roles
from accounts.services.api_keys import revoke_keys_of
from accounts.services.audit import record
from accounts.services.operators import LastOperatorError, lock_person, revoke_invitations_of
from accounts.services.sessions import log_out_everywhere


class RolesChangedError(Exception):
    """Somebody else changed the roles of a person in the meantime."""

    code = "roles_changed"


@transaction.atomic
def set_roles(
    *,
    user_id: int,
    roles: AbstractSet[Role],
    actor_id: int | None,
    shown: AbstractSet[Role] | None = None,
) -> None:
    """Give a person exactly these roles; `shown` are those that the actor saw.

    Raises
    ------
    RolesChangedError
        If the person does not have the shown roles any more.
    LastOperatorError
        If this is the last operator and not to be one any more.
    User.DoesNotExist
        If there is no such account, or it is being erased.
    """
    user, is_last = lock_person(user_id=user_id)
    had = held_roles(user)
    if shown is not None and had != shown:
        raise RolesChangedError(user.username)
    if is_last and Role.OPERATOR not in roles:
        raise LastOperatorError(user.username)
    _apply(user, give=roles - had, take=had - roles, actor_id=actor_id)


@transaction.atomic
def give_roles(*, user_id: int, roles: AbstractSet[Role], actor_id: int | None) -> None:
    """Give a person more roles; the others stay."""
    user, _ = lock_person(user_id=user_id)
    _apply(user, give=roles - held_roles(user), take=frozenset(), actor_id=actor_id)


@transaction.atomic
def set_active(*, user_id: int, active: bool, actor_id: int | None) -> None:
    """Reactivate an account, or deactivate it: its sessions and keys end, nobody can log in.

    Raises
    ------
    LastOperatorError
        If this is the last operator.
    User.DoesNotExist
        If there is no such account, or it is being erased.
    """
    user, is_last = lock_person(user_id=user_id)
    if user.is_active == active:
        return
    if not active:
        if is_last:
            raise LastOperatorError(user.username)
        log_out_everywhere(user_id=user_id)
        revoke_invitations_of(user_id=user_id, actor_id=actor_id)
        revoke_keys_of(user_id=user_id, actor_id=actor_id)
    user.is_active = active
    user.save(update_fields=["is_active"])
    action = "account.reactivated" if active else "account.deactivated"
    record(action=action, subject=f"user {user_id}", actor_id=actor_id)


def _apply(
    user: User, *, give: AbstractSet[Role], take: AbstractSet[Role], actor_id: int | None
) -> None:
    if Role.OPERATOR in give | take:
        user.is_staff = user.is_superuser = Role.OPERATOR in give
        user.save(update_fields=["is_staff", "is_superuser"])
    if Role.OPERATOR in take:
        revoke_invitations_of(user_id=user.pk, actor_id=actor_id)
    user.groups.add(*Group.objects.filter(name__in=give))
    user.groups.remove(*Group.objects.filter(name__in=take))
    for action, roles in (("role.given", give), ("role.taken", take)):
        for role in sorted(roles):
            record(action=action, subject=f"user {user.pk}", actor_id=actor_id, role=role)
