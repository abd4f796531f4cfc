"""Versions of everything that made a report."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from labelling.reporting.rows import ReportRows

_ROOT: Final = Path(__file__).resolve().parents[2]
_PACKAGES: Final = ("labelling", "retrieval")
_LEFT_OUT: Final = frozenset({"tests", "migrations"})
_LIBRARIES: Final = ("django", "numpy")


@cache
def code_version() -> str:
    """Return the SHA-256 of the sources of all that draws, matches and reports.

    The program has no other version: it runs from a checkout or a copy of one.
    """
    digest = hashlib.sha256()
    for package in _PACKAGES:
        for path in sorted((_ROOT / package).rglob("*.py")):
            name = path.relative_to(_ROOT)
            if _LEFT_OUT.isdisjoint(name.parts):
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                digest.update(f"{content}  {name.as_posix()}\n".encode())
    return digest.hexdigest()


def versions_of(rows: ReportRows) -> dict[str, Any]:
    """Return the matchers with their models, and the libraries that computed the figures."""
    found = rows.found
    names = ("matcher", "version", "image_models", "sound_models")
    columns = (found.matcher, found.matcher_version, found.image_model, found.sound_model)
    matchers = sorted(set(zip(*(column.tolist() for column in columns), strict=True)))
    return {
        "matchers": [dict(zip(names, matcher, strict=True)) for matcher in matchers],
        "libraries": {
            "python": platform.python_version(),
            **{name: version(name) for name in _LIBRARIES},
        },
    }
