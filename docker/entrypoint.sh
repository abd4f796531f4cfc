#!/usr/bin/env bash
# Run one role of the program. It replaces this shell, so that it gets the container's signals.
# compose.yml starts the roles in order; nothing here waits for a server.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
    cat >&2 <<'USAGE'
usage: entrypoint.sh ROLE [ARGUMENT...]

  web                     serve the site
  inference [OPTION...]   find the sounds of photos (options of celery worker)
  ingest [OPTION...]      describe recordings (options of celery worker)
  sweep                   queue jobs again that lost their worker
  send_webhooks           deliver messages to webhooks
  migrate                 bring the database's tables up to date, as its owner
  manage COMMAND...       any command of manage.py
  healthy ROLE            check that web, inference, ingest or send_webhooks works
USAGE
    exit 2
}

# One child per worker: it loads TensorFlow, which uses every core.
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
        send_webhooks) exec python manage.py send_webhooks --alive ;;
        *) usage ;;
    esac
}

role="${1:-}"
shift || usage
case "$role" in
    web) exec python -m soundscape_site.web.server ;;
    inference | ingest) work "$role" "$@" ;;
    sweep | send_webhooks | migrate) exec python manage.py "$role" "$@" ;;
    manage) exec python manage.py "$@" ;;
    healthy) healthy "$@" ;;
    *) usage ;;
esac
