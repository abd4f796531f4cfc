"""Accounts and the audit log in the admin.

What allauth and Django register besides is left out: it shows secrets of second factors, or changes
roles, addresses and sessions without their rules and without the audit log.
"""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.auth.models import Group

from accounts.admin.api_keys import ApiKeyAdmin
from accounts.admin.audit_log import AuditLogAdmin
from accounts.admin.audited import AuditedAdmin
from accounts.admin.users import UserAdmin

__all__ = ["ApiKeyAdmin", "AuditLogAdmin", "AuditedAdmin", "UserAdmin"]

admin.site.unregister([EmailAddress, Authenticator, Group, UserSession])
