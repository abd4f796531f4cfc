"""Database models: users, invitations, and the audit log."""

from accounts.models.audit import AuditEntry, AuditLogRow
from accounts.models.invitations import Invitation
from accounts.models.users import User

__all__ = ["AuditEntry", "AuditLogRow", "Invitation", "User"]
