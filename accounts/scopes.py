"""What a key of the API allows, at most: its owner's roles limit it further."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.roles import Role


class Scope(models.TextChoices):
    """A scope of keys."""

    SCENES_WRITE = "scenes:write", _("Send photos, read results, delete your own photos")
    CLIPS_READ = "clips:read", _("Search and play recordings")
    CLIPS_WRITE = "clips:write", _("Import, change and withdraw recordings")
    LABELS_READ = "labels:read", _("Read campaigns, pairs and progress")
    LABELS_WRITE = "labels:write", _("Grade pairs")
    REPORTS_READ = "reports:read", _("Read reports and download labels")


ROLES_OF_SCOPE: dict[Scope, frozenset[Role]] = {
    Scope.CLIPS_WRITE: frozenset({Role.LIBRARIAN, Role.OPERATOR}),
    Scope.LABELS_READ: frozenset({Role.REVIEWER, Role.LEAD_REVIEWER, Role.OPERATOR}),
    Scope.LABELS_WRITE: frozenset({Role.REVIEWER, Role.LEAD_REVIEWER, Role.OPERATOR}),
    Scope.REPORTS_READ: frozenset({Role.LEAD_REVIEWER, Role.OPERATOR}),
}
"""The roles of which the owner of a key needs one; scopes that are missing here need none."""


def scopes_for(roles: AbstractSet[Role]) -> list[Scope]:
    """Return the scopes that keys of a person with these roles can use."""
    return [
        scope for scope in Scope if scope not in ROLES_OF_SCOPE or ROLES_OF_SCOPE[scope] & roles
    ]
