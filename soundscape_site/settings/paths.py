"""Where things lie: the checkout, what the program writes, what lies beside it."""

from __future__ import annotations

from pathlib import Path

from soundscape_site.settings import env

BASE_DIR = Path(__file__).resolve().parents[2]
VAR_DIR = env.path("SOUNDSCAPE_VAR_DIR", BASE_DIR / "var")
SHARED_DIR = BASE_DIR.parent / "shared"
