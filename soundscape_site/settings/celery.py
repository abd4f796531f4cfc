"""Settings of Celery. A message only wakes a worker: the database holds the jobs."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from soundscape_site.embedded.locations import locate
from soundscape_site.settings import env
from soundscape_site.settings.paths import VAR_DIR

REDIS_URL = env.redis_url("REDIS_URL", f"unix://{quote(str(locate(VAR_DIR).redis_socket))}")

# Kombu uses another scheme for sockets.
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_IMPORTS = ["soundscape_site.worker.lifecycle"]  # loaded by workers only
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]

# The name of a task begins with its queue: see `retrieval.jobs.policies`.
CELERY_TASK_ROUTES = {f"{queue}.*": {"queue": queue} for queue in ("inference", "ingest")}
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_ACKS_ON_FAILURE_OR_TIMEOUT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_PROC_ALIVE_TIMEOUT = 120  # the child loads TensorFlow before it answers
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 30
CELERY_WORKER_LOST_WAIT = 1  # seconds from a child's death until its job is queued again
CELERY_WORKER_DIRECT = True  # a queue per worker, for the watchdog's test messages
# A job stores its result in the database, so it may continue without the broker.
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True

# Tasks' time limits stay below a quarter of this: no message is redelivered while its task runs.
VISIBILITY_TIMEOUT_S = 1800
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
    "visibility_timeout": VISIBILITY_TIMEOUT_S,
    "socket_timeout": 1.5,
    "socket_connect_timeout": 1,
    "health_check_interval": 25,
    # Publish once: a visitor waits for it, and the sweeper sends what is missing. Workers reconnect
    # by other settings.
    "max_retries": 0,
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
}
CELERY_TASK_PUBLISH_RETRY = False
