"""The labelling app: registered, empty until reviewers get their queue."""

from __future__ import annotations

from django.apps import AppConfig


class LabellingConfig(AppConfig):
    """Django's handle on the app."""

    name = "labelling"
