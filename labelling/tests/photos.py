"""Photos to import: small pictures, folders and zip files of them."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from django.conf import settings

from labelling.services import photo_import
from retrieval.decoding.configured_limits import decoding_limits
from retrieval.decoding.pool import DecodingPool
from retrieval.tests.factories import small_matchers
from retrieval.tests.photos import png


def picture(number: int = 0) -> bytes:
    """Return a picture of its own."""
    return png(number).read()


def folder_of(folder: Path, files: dict[str, bytes | str]) -> Path:
    """Write files into a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def zip_of(files: dict[str, bytes | str]) -> bytes:
    """Return a zip file."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


@pytest.fixture(scope="session")
def decoders():
    """One decoding process for all tests that decode."""
    with DecodingPool(processes=1, limits=decoding_limits()) as pool:
        yield pool


@pytest.fixture
def importing(monkeypatch, media_root):
    """A site whose photos are matched by a small matcher, by no worker."""
    monkeypatch.setattr(photo_import, "matcher_in_force", lambda _name: small_matchers()["paper"])
    return settings
