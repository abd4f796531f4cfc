"""Real profiles and real queries, from which libraries and their queries are made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.matching.synthetic_library import Profiles
from soundscape_site.settings.paths import BASE_DIR, VAR_DIR

_FILE: Final = VAR_DIR / "benchmarks" / "real-profiles-1.npz"


def real_profiles() -> Profiles:
    """Return the profiles of the shared recordings; the first call makes them, in minutes."""
    with np.load(_made()) as arrays:
        return Profiles(arrays["objects"], arrays["heard"])


def real_queries(matcher: str, count: int) -> NDArray[np.float64]:
    """Return ``a`` of photos and of parts of them, in mixed order, [shape=(count, columns)].

    Raises
    ------
    SystemExit
        If there are fewer.
    """
    with np.load(_made()) as arrays:
        queries = np.asarray(arrays[f"queries_{matcher}"])
    if count > len(queries):
        raise SystemExit(f"at most {len(queries)} queries, got {count}")
    return queries[:count]


def _made() -> Path:
    if not _FILE.exists():
        print("Classifying the shared recordings and photos, once ...", file=sys.stderr)
        _FILE.parent.mkdir(parents=True, exist_ok=True)
        draft = _FILE.with_name(f".{_FILE.name}")
        command = [sys.executable, "-m", "benchmarks.matching.classify", str(draft)]
        if subprocess.run(command, cwd=BASE_DIR, check=False).returncode:
            raise SystemExit("the shared recordings and photos could not be classified")
        draft.replace(_FILE)
    return _FILE
