"""Where things lie: the checkout, what the program writes, what lies beside it."""

from __future__ import annotations

from pathlib import Path

from soundscape_site.embedded.locations import var_directory

BASE_DIR = Path(__file__).resolve().parents[2]
VAR_DIR = var_directory().absolute()
SHARED_DIR = BASE_DIR.parent / "shared"
