"""Details that are stored as JSON, in words."""

from __future__ import annotations

from typing import Any


def in_words(detail: Any) -> str:
    """Return a mapping as "name: value; ...", a list as its items, a change as "old → new"."""
    if isinstance(detail, dict):
        if detail.keys() == {"old", "new"}:
            return f"{in_words(detail['old'])} → {in_words(detail['new'])}"
        pairs = ((name.replace("_", " "), in_words(value)) for name, value in detail.items())
        return "; ".join(f"{name}: {value}" for name, value in pairs)
    if isinstance(detail, list):
        return ", ".join(map(in_words, detail)) or "-"
    return "-" if detail is None or detail == "" else str(detail)
