"""The Celery app, and what its workers do when they start."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "soundscape_site.settings.local")

app = Celery("soundscape")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_djangos_logging(**_: Any) -> None:
    """Leave logging as Django's settings have it: with a receiver here, Celery sets up nothing."""
