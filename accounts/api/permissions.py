"""Who may call a view of the API: a key with the scope, of a person with the role."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.models import ApiKey
from accounts.scopes import ROLES_OF_SCOPE, Scope
from accounts.selectors.roles import roles_of
from accounts.selectors.second_factors import owes_second_factor


def may(key: ApiKey, scope: Scope) -> bool:
    """Return whether a key has a scope, and its owner a role that the scope needs."""
    return _lacks(key, scope) is None


def require(key: ApiKey, scope: Scope) -> None:
    """Refuse a key that `may` not.

    Raises
    ------
    PermissionDenied
        With code ``scope_missing`` or ``role_missing``.
    """
    lacks = _lacks(key, scope)
    if lacks is not None:
        raise lacks


def _lacks(key: ApiKey, scope: Scope) -> PermissionDenied | None:
    if scope not in key.scopes:
        return PermissionDenied(
            _("This needs a key with the scope {scope}.").format(scope=scope.value),
            code="scope_missing",
        )
    roles = ROLES_OF_SCOPE.get(scope)
    if roles is not None and not roles & roles_of(key.user):
        return PermissionDenied(
            _("The owner of this key does not have a role that may do this."),
            code="role_missing",
        )
    return None


class HasScope(BasePermission):
    """Requires the scope that the view names in `scopes` for the request's method.

    A method that the mapping lacks needs a key of any scope. As on the pages, nothing is open to a
    person whose role needs a second factor and who has none.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return whether there is a key; raise what it lacks."""
        key = request.auth
        if not isinstance(key, ApiKey):
            return False
        if settings.SOUNDSCAPE_SECOND_FACTOR_REQUIRED and owes_second_factor(key.user_id):
            raise PermissionDenied(
                _("The owner of this key has to set up a second factor first, on the site."),
                code="second_factor_missing",
            )
        method = "GET" if request.method == "HEAD" else str(request.method)
        scope: Scope | None = view.scopes.get(method)
        if scope is not None:
            require(key, scope)
        return True
