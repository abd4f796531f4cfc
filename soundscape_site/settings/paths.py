"""Paths of the checkout, of the program's data, and of the data beside the checkout."""

from __future__ import annotations

from pathlib import Path

from soundscape_site.embedded.locations import var_directory

BASE_DIR = Path(__file__).resolve().parents[2]
VAR_DIR = var_directory().absolute()
SHARED_DIR = BASE_DIR.parent / "shared"
