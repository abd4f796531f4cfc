"""The people of the site, for operators."""

from __future__ import annotations

from enum import StrEnum

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Lower

from accounts.models import User


class Order(StrEnum):
    """How a list of people is sorted."""

    NAME = "name"
    LAST_LOGIN = "last-login"


def people(*, search: str = "", order: Order = Order.NAME) -> QuerySet[User]:
    """Return the accounts, with their groups, whose name or address contains a text.

    Accounts that are being erased are left out.
    """
    found = User.objects.filter(erasure_requested_at=None).prefetch_related("groups")
    if search:
        found = found.filter(Q(username__icontains=search) | Q(email__icontains=search))
    if order is Order.LAST_LOGIN:
        return found.order_by(F("last_login").desc(nulls_last=True), Lower("username"))
    return found.order_by(Lower("username"))
