"""The site as a Django app; it loads the Celery app that tasks bind to."""

from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.contrib.staticfiles.apps import StaticFilesConfig

from soundscape_site.celery import app as celery_app

__all__ = ["SiteConfig", "SiteStaticFilesConfig", "celery_app"]


class SiteConfig(AppConfig):
    """The app's configuration."""

    name = "soundscape_site"


class SiteStaticFilesConfig(StaticFilesConfig):
    """Leaves out htmx's extensions: they are unused, and they import files that do not exist."""

    ignore_patterns = [*StaticFilesConfig.ignore_patterns, "django_htmx/ext/*"]


class SiteAdminConfig(AdminConfig):
    """Makes the site's own admin, which librarians may enter, the default one."""

    default_site = "accounts.admin_site.SiteAdmin"
