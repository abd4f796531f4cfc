"""The Celery app."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.app.amqp import AMQP
from celery.signals import setup_logging
from kombu import Connection

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "soundscape_site.settings.local")


class PromptConnection(Connection):
    """Retries an unreachable broker every few seconds; kombu would wait up to half a minute."""

    def ensure_connection(self, *args: Any, **kwargs: Any) -> PromptConnection:
        """Connect, with delays that grow from one second to three."""
        pauses = {"interval_start": 1, "interval_step": 1, "interval_max": 3}
        super().ensure_connection(*args, **pauses | kwargs)
        return self


class PromptAMQP(AMQP):
    """Celery's messaging with prompt connections."""

    Connection = PromptConnection


app = Celery("soundscape", amqp=PromptAMQP)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_djangos_logging(**_: Any) -> None:
    """Keep Django's logging: with a receiver of this signal, Celery sets up none."""
