"""Calls at the same time, on real connections."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from django.db import connection


def at_once(*calls):
    """Make calls at the same time, each on a connection of its own; return their errors' types."""
    start = threading.Barrier(len(calls))

    def run(call):
        try:
            start.wait(10)
            call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        errors = [future.exception() for future in [pool.submit(run, call) for call in calls]]
    return [error and type(error) for error in errors]
