"""Fixtures of the retrieval app: places to write, data beside the checkout, factories."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings as django_settings

from retrieval.tests.factories import ClipFactory


@pytest.fixture
def shared_dir() -> Path:
    """The folder of data and references beside the checkout."""
    folder = Path(django_settings.BASE_DIR).parent / "shared"
    if not folder.is_dir():
        pytest.skip("compares with ../shared, which is not beside this checkout")
    return folder


@pytest.fixture
def media_root(settings, tmp_path) -> Path:
    """A media folder of the test's own."""
    settings.MEDIA_ROOT = tmp_path / "media"
    return settings.MEDIA_ROOT


@pytest.fixture
def index_directory(settings, tmp_path) -> Path:
    """An index folder of the test's own."""
    settings.SOUNDSCAPE_INDEX_DIRECTORY = tmp_path / "index"
    return settings.SOUNDSCAPE_INDEX_DIRECTORY


@pytest.fixture
def make_clip(db) -> ClipFactory:
    """Make clips that can be searched, each with a profile."""
    return ClipFactory()
