"""Database models: users, invitations, keys of the API, and the audit log."""

from accounts.models.api_keys import ApiKey, IdempotentRequest
from accounts.models.audit import AuditEntry, AuditLogRow
from accounts.models.invitations import Invitation
from accounts.models.users import User

__all__ = ["ApiKey", "AuditEntry", "AuditLogRow", "IdempotentRequest", "Invitation", "User"]
