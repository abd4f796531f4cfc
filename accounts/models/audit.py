"""Models of the audit log: the table that is written, and the view that is read."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class _AuditColumns(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    at = models.DateTimeField(default=timezone.now, editable=False, verbose_name=_("time"))
    actor_id = models.BigIntegerField(_("account"), null=True, blank=True)
    action = models.CharField(_("action"), max_length=64)
    subject = models.CharField(_("subject"), max_length=200)
    detail = models.JSONField(_("details"), default=dict, blank=True)
    request_id = models.CharField(_("request"), max_length=64, blank=True, default="")
    address_prefix = models.CharField(_("network"), max_length=64, blank=True, default="")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.action} {self.subject}"


class AuditEntry(_AuditColumns):
    """One entry of the audit log; the application's database role may only insert.

    The actor is a plain id, so that the entry remains when the account is deleted. Key and time are
    generated in Python: RETURNING would need the right to read. `accounts.services.audit` writes.
    """

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [models.Index(fields=["at"], name="accounts_audit_at")]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(action="") & ~models.Q(subject=""),
                name="accounts_audit_says_what",
            ),
        ]


class AuditLogRow(_AuditColumns):
    """A row of the view through which the application's role reads the audit log.

    The view belongs to the owner's role; the application's role may only select from it.
    """

    class Meta:
        managed = False
        db_table = "accounts_auditlog"
        ordering = ["-at"]
        verbose_name = _("audit log entry")
        verbose_name_plural = _("audit log")
        default_permissions = ("view",)
