"""Prints measurements, one per line: name, value, unit."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from statistics import quantiles

import psutil


def heading(text: str) -> None:
    print(f"\n{text}\n{'-' * len(text)}", flush=True)


def figure(name: str, value: float, unit: str, *, note: str = "") -> None:
    print(f"{name:<44}{value:>10.2f} {unit:<12}{note}".rstrip(), flush=True)


def spread(name: str, values_s: Sequence[float]) -> None:
    """Print median, 95th percentile and maximum of durations."""
    cuts = quantiles(values_s, n=20, method="inclusive")
    figure(f"{name}, p50", cuts[9] * 1000, "ms", note=f"of {len(values_s)}")
    figure(f"{name}, p95", cuts[18] * 1000, "ms", note=f"max {max(values_s) * 1000:.1f}")


def percentile(values: Sequence[float], which: int) -> float:
    """Return a percentile of at least two values, 1 to 99."""
    return quantiles(values, n=100, method="inclusive")[which - 1]


def machine() -> None:
    memory = psutil.virtual_memory().total / 2**30
    print(f"{platform.platform()}, {os.cpu_count()} cores, {memory:.0f} GiB, "
          f"Python {platform.python_version()}")  # fmt: skip
