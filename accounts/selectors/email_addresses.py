"""Questions about e-mail addresses and the accounts that have them."""

from __future__ import annotations

from allauth.account.models import EmailAddress

from accounts.models import User


def address_is_confirmed(address_id: int) -> bool:
    """Return whether the address exists and is confirmed."""
    return bool(EmailAddress.objects.filter(pk=address_id, verified=True).exists())


def has_account(email: str) -> bool:
    """Return whether the owner of an address has an account; anybody can claim it unverified."""
    return bool(EmailAddress.objects.is_verified(email))


def user_id_of(*, name: str, email: str) -> int | None:
    """Return the key of the account that has this name or this address."""
    if email:
        # Of several accounts that claim an address, the one that confirmed it.
        found = EmailAddress.objects.filter(email=email.lower()).order_by("-verified", "pk")
        user_id: int | None = found.values_list("user_id", flat=True).first()
        return user_id
    return User.objects.filter(username__iexact=name).values_list("pk", flat=True).first()


def may_reset_by(email: str, *, user_id: int) -> bool:
    """Return whether a link to a new password may go to this address of a user.

    Not to one that is not verified, if another is: it may be mistyped and belong to a stranger.
    """
    verified = EmailAddress.objects.filter(user=user_id, verified=True)
    addresses = set(verified.values_list("email", flat=True))
    return not addresses or email.lower() in addresses
