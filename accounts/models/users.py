"""Model of a user."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

NAME_PATTERN = r"^[\w.+-]+$"


class User(AbstractUser):
    """A person or program that signs in, by name or e-mail address.

    The name is public and holds no @, so that it cannot be taken for an address.
    """

    username = models.CharField(
        _("name"),
        max_length=150,
        unique=True,
        help_text=_("Letters, digits and . + - _; other people see it."),
        validators=[
            RegexValidator(NAME_PATTERN, _("Use letters, digits and the characters . + - _ only."))
        ],
        error_messages={"unique": _("This name is taken. Choose another one.")},
    )
    erasure_requested_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When the person asked to be erased; the sweeper finishes what was interrupted.",
    )

    class Meta(AbstractUser.Meta):
        constraints = [
            models.UniqueConstraint(Lower("username"), name="accounts_user_name_once"),
            models.CheckConstraint(
                condition=~Q(username__contains="@"), name="accounts_user_name_is_no_address"
            ),
            models.CheckConstraint(
                condition=Q(is_staff=F("is_superuser")), name="accounts_user_operator_is_superuser"
            ),
            models.CheckConstraint(
                condition=Q(erasure_requested_at__isnull=True) | Q(is_active=False),
                name="accounts_user_erased_is_inactive",
            ),
        ]
        indexes = [
            models.Index(
                fields=["id"],
                name="accounts_user_operators",
                condition=Q(is_active=True, is_staff=True),
            ),
            models.Index(
                fields=["erasure_requested_at"],
                name="accounts_user_erasure",
                condition=Q(erasure_requested_at__isnull=False),
            ),
        ]
