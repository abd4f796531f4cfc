"""Who may do what, and what was done."""

from __future__ import annotations

import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils import timezone


class User(AbstractUser):
    """A person or program that signs in. Ours from the first migration, so that it can grow."""


class AuditEntry(models.Model):
    """One act, for good: the application's database role may insert here and nothing else.

    The actor is a plain id, so that an entry outlives the account. The key and the time are made
    in Python: a value returned by the database would need the right to read.
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
