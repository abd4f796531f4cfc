"""Invitations and what became of them."""

from __future__ import annotations

import hashlib
from enum import StrEnum

from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import Invitation
from accounts.models.invitations import OPEN
from accounts.selectors.roles import operator_exists


class InvitationState(StrEnum):
    """What became of an invitation."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REVOKED = "revoked"
    EXPIRED = "expired"
    NEEDLESS = "needless"
    """It would make the first operator, and there is an operator."""


def token_digest(token: str) -> str:
    """Return what is stored of a token; it is random, so a plain hash suffices."""
    return hashlib.sha256(token.encode()).hexdigest()


def invitation_by_token(token: str) -> Invitation | None:
    """Return the invitation of a link."""
    return Invitation.objects.filter(token_sha256=token_digest(token)).first()


def invitation_by_id(invitation_id: int) -> Invitation | None:
    """Return an invitation."""
    return Invitation.objects.filter(pk=invitation_id).first()


def state_of(invitation: Invitation) -> InvitationState:
    """Return what became of an invitation."""
    if invitation.accepted_at:
        return InvitationState.ACCEPTED
    if not invitation.email and operator_exists():
        return InvitationState.NEEDLESS
    if invitation.revoked_at:
        return InvitationState.REVOKED
    if invitation.expires_at <= timezone.now():
        return InvitationState.EXPIRED
    return InvitationState.OPEN


def open_invitations() -> QuerySet[Invitation]:
    """Return the e-mailed invitations that await an answer, also expired ones, newest first."""
    sent = Invitation.objects.filter(OPEN).exclude(email="")
    return sent.select_related("invited_by").order_by("-created_at")
