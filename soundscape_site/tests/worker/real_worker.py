"""`celery worker --include soundscape_site.tests.worker.real_worker`: a worker for tests.

It needs no models: the environment says what its finder does. Its watchdog has short
time limits.
"""

from __future__ import annotations

import os
import signal
import time
from typing import Any, Final

from django.conf import settings

from retrieval import tasks
from retrieval.engine.errors import EngineError
from retrieval.models import Scene
from soundscape_site.worker import watchdog

DEED: Final = "SOUNDSCAPE_TEST_DEED"
EVERY_S: Final = 0.1
DEAF_AFTER_S: Final = 4.0


class Finder:
    """Does its deed for a photo and finds nothing."""

    input_shape = (1, 1, 3)

    def classify(self, views: Any) -> Any:
        _DEEDS[os.environ[DEED]]()
        raise EngineError("nothing found", code="nothing_found")


def die_at_first() -> None:
    if Scene.objects.filter(attempts=1).exists():
        os.kill(os.getpid(), signal.SIGKILL)


def linger() -> None:
    time.sleep(1.5)


def want_too_much_at_first() -> None:
    if Scene.objects.filter(attempts=1).exists():
        raise MemoryError


_DEEDS: Final = {
    "want too much at first": want_too_much_at_first,
    "die at first": die_at_first,
    "linger": linger,
}

settings.MEDIA_ROOT = os.environ.get("SOUNDSCAPE_TEST_MEDIA_ROOT")
setattr(tasks, "sound_finder", Finder)  # noqa: B010 # the real one is typed
setattr(watchdog, "EVERY_S", EVERY_S)  # noqa: B010
setattr(watchdog, "DEAF_AFTER_S", DEAF_AFTER_S)  # noqa: B010
