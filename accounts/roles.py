"""The roles of people and the database groups that stand for them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """A role; except for operators, its value is the name of a group.

    Operators are staff and superusers: they run the site and may do everything.
    """

    REVIEWER = "reviewer", _("Reviewer")
    LEAD_REVIEWER = "lead reviewer", _("Lead reviewer")
    LIBRARIAN = "librarian", _("Librarian")
    OPERATOR = "operator", _("Operator")


GROUPS = (Role.REVIEWER, Role.LEAD_REVIEWER, Role.LIBRARIAN)
"""The roles that are groups, made by a migration."""

PRIVILEGED = frozenset({Role.LEAD_REVIEWER, Role.LIBRARIAN, Role.OPERATOR})
"""The roles that need a second factor where the site requires one."""
