"""The accounts app."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Configuration of the app."""

    name = "accounts"

    def ready(self) -> None:
        """Connect the receivers that write the audit log; register the system checks."""
        import_module("accounts.checks")
        import_module("accounts.logging_in.receivers")
        import_module("accounts.logging_in.second_factor_receivers")
