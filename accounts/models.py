"""Users and the audit log."""

from __future__ import annotations

import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils import timezone


class User(AbstractUser):
    """A person or program that signs in; our own class, so that fields can be added."""


class AuditEntry(models.Model):
    """One entry of the audit log; the application's database role may only insert.

    The actor is a plain id, so that the entry remains when the account is deleted. Key and time are
    generated in Python: RETURNING would need the right to read.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    at = models.DateTimeField(default=timezone.now, editable=False)
    actor_id = models.BigIntegerField(null=True, blank=True)
    action = models.CharField(max_length=64)
    subject = models.CharField(max_length=200)
    detail = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [models.Index(fields=["at"], name="accounts_audit_at")]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(action="") & ~models.Q(subject=""),
                name="accounts_audit_says_what",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.action} {self.subject}"
