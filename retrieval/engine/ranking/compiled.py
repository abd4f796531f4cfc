"""Load the compiled loops on first use, and share a pool of threads between searches."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from types import ModuleType
from typing import TypeVar

T = TypeVar("T")


@cache
def load_kernels() -> ModuleType:
    """Return the module `kernels`, which needs Numba."""
    return importlib.import_module("retrieval.engine.ranking.kernels")


def processors() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0))


@cache
def _pool(process_id: int) -> ThreadPoolExecutor:
    """Return this process's threads: those of a parent do not survive a fork."""
    return ThreadPoolExecutor(processors(), thread_name_prefix="ranking")


def in_threads(task: Callable[..., T], parts: Sequence[object]) -> list[T]:
    """Return the task's results for all parts, one thread for each processor."""
    if len(parts) == 1:
        return [task(parts[0])]
    return list(_pool(os.getpid()).map(task, parts))
