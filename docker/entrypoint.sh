#!/usr/bin/env bash
# What a container does. Each role replaces this shell, so that it gets the container's signals.
# Nothing here waits for a server: compose.yml starts the roles in their order.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
    cat >&2 <<'USAGE'
usage: entrypoint.sh ROLE [ARGUMENT...]

  web                     serve the site
  inference [OPTION...]   find the sounds of photos (options of celery worker)
  ingest [OPTION...]      describe recordings (options of celery worker)
  sweep                   queue again what lost its worker
  migrate                 bring the database's tables up to date, as its owner
  manage COMMAND...       any command of manage.py
  healthy ROLE            say whether web, inference or ingest answers in this container
USAGE
    exit 2
}

# One child a worker: TensorFlow is loaded in it alone and uses every core by itself.
work() {
    local queue="$1"
    shift
    exec celery --app soundscape_site.celery worker \
        --queues "$queue" --hostname "$queue@%h" --pool prefork --concurrency 1 \
        --without-gossip --without-mingle --loglevel "${SOUNDSCAPE_LOG_LEVEL:-INFO}" "$@"
}

healthy() {
    case "${1:-}" in
        web) exec python docker/web_health.py ;;
        inference | ingest)
            exec celery --app soundscape_site.celery inspect ping \
                --destination "$1@$(uname -n)" --timeout 10
            ;;
        *) usage ;;
    esac
}

role="${1:-}"
shift || usage
case "$role" in
    web) exec python -m soundscape_site.web.server ;;
    inference | ingest) work "$role" "$@" ;;
    sweep | migrate) exec python manage.py "$role" "$@" ;;
    manage) exec python manage.py "$@" ;;
    healthy) healthy "$@" ;;
    *) usage ;;
esac
