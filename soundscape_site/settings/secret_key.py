"""Secret keys: their strength; that of a laptop is random, private, kept between starts."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key

_MIN_LENGTH: Final = 50
_MIN_DISTINCT: Final = 8  # of 50 random digits or letters, far more are distinct


def check_strength(name: str, key: str) -> None:
    """Refuse a key that could be guessed; the message does not contain it."""
    if len(key) < _MIN_LENGTH:
        fault = f"has {len(key)} characters; at least {_MIN_LENGTH} are needed"
    elif len(set(key)) < _MIN_DISTINCT:
        fault = f"has {len(set(key))} different characters; at least {_MIN_DISTINCT} are needed"
    elif key.startswith("django-insecure-"):
        fault = "is one that Django made for development"
    else:
        return
    raise ImproperlyConfigured(f"{name} {fault}.")


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
    if len(key) < _MIN_LENGTH:
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
