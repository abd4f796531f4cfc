"""The accounts app."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Configuration of the app."""

    name = "accounts"

    def ready(self) -> None:
        """Connect the receivers that write the audit log."""
        import_module("accounts.receivers")
        import_module("accounts.second_factor_receivers")
