"""The secret key of a laptop: random, private, kept between starts."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key


def load_or_create(path: Path) -> str:
    """Return the key in `path`; create it, readable by its owner only, if there is none."""
    try:
        return _read(path)
    except FileNotFoundError:
        _create(path)
        return _read(path)
    except PermissionError:
        raise ImproperlyConfigured(
            f"{path} belongs to another user. Run as that user, or set SOUNDSCAPE_VAR_DIR to a "
            "folder of your own."
        ) from None


def _read(path: Path) -> str:
    key = path.read_text().strip()
    if len(key) < 50:
        raise ImproperlyConfigured(f"{path} holds no valid key; delete it to get a new one.")
    return key


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".secret-key-")
    with os.fdopen(handle, "w") as stream:
        stream.write(get_random_secret_key())
    try:
        os.link(draft, path)  # fails if another process was first; its key is used
    except FileExistsError:
        pass
    finally:
        Path(draft).unlink()
