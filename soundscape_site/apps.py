"""The site as an app: its commands, and the Celery app that tasks bind to."""

from __future__ import annotations

from django.apps import AppConfig
from django.contrib.staticfiles.apps import StaticFilesConfig

from soundscape_site.celery import app as celery_app

__all__ = ["SiteConfig", "SiteStaticFilesConfig", "celery_app"]


class SiteConfig(AppConfig):
    """Django's handle on the app."""

    name = "soundscape_site"


class SiteStaticFilesConfig(StaticFilesConfig):
    """Django's, without htmx's extensions: unused here, and their imports name no real file."""

    ignore_patterns = [*StaticFilesConfig.ignore_patterns, "django_htmx/ext/*"]
