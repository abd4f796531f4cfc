"""Keys with which tests and benchmarks may do everything."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import Group

from accounts.models import User
from accounts.scopes import Scope
from accounts.services.api_keys import make_key


def allow_everything(person: User) -> str:
    """Give somebody every role, and a key with every scope; return its secret."""
    person.groups.set(Group.objects.all())
    person.is_staff = person.is_superuser = True
    person.save()
    scopes = [scope.value for scope in Scope]
    valid_for = timedelta(days=1)
    return make_key(user_id=person.pk, name="contract", scopes=scopes, valid_for=valid_for)[1]


def key_of(name: str) -> str:
    """Give somebody by this name every right, and a key; return its secret."""
    return allow_everything(User.objects.get(username=name))
