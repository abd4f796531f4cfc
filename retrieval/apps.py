"""The retrieval app."""

from __future__ import annotations

from django.apps import AppConfig


class RetrievalConfig(AppConfig):
    """Configuration of the app."""

    name = "retrieval"

    def ready(self) -> None:
        """Register the system checks, whose imports need the app registry."""
        from retrieval import checks  # noqa: F401, PLC0415 # registering is the import's effect
