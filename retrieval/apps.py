"""The retrieval app."""

from __future__ import annotations

from django.apps import AppConfig


class RetrievalConfig(AppConfig):
    """Django's handle on the app."""

    name = "retrieval"

    def ready(self) -> None:
        """Register the system checks, which need the app registry."""
        from retrieval import checks  # noqa: F401, PLC0415 # registering is the import's effect
