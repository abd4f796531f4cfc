"""The labelling app."""

from __future__ import annotations

from django.apps import AppConfig


class LabellingConfig(AppConfig):
    """Configuration of the app."""

    name = "labelling"
