"""The site as an app: its commands, and the Celery app that tasks bind to."""

from __future__ import annotations

from django.apps import AppConfig

from soundscape_site.celery import app as celery_app

__all__ = ["SiteConfig", "celery_app"]


class SiteConfig(AppConfig):
    name = "soundscape_site"
