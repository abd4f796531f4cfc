"""Fixtures of the retrieval app: places to write, data beside the checkout, factories."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrieval.jobs import priority
from retrieval.tests.factories import ClipFactory


@pytest.fixture(autouse=True)
def in_front(monkeypatch):
    """Keep the priority of this process and of its session for later tests."""
    monkeypatch.setattr("os.nice", lambda _: 0)
    monkeypatch.setattr(priority, "SESSION_NICENESS", Path("/nowhere/autogroup"))


@pytest.fixture
def shared_dir(settings) -> Path:
    """The folder of data and references beside the checkout."""
    folder: Path = settings.SOUNDSCAPE_SHARED_LIBRARY.parents[1]
    if not folder.is_dir():
        pytest.skip("compares with ../shared, which is not beside this checkout")
    return folder


@pytest.fixture
def media_root(settings, tmp_path) -> Path:
    """A temporary media folder."""
    folder: Path = tmp_path / "media"
    settings.MEDIA_ROOT = folder
    return folder


@pytest.fixture
def index_directory(settings, tmp_path) -> Path:
    """A temporary index folder."""
    folder: Path = tmp_path / "index"
    settings.SOUNDSCAPE_INDEX_DIRECTORY = folder
    return folder


@pytest.fixture
def make_clip(db) -> ClipFactory:
    """Make clips that can be searched, each with a profile."""
    return ClipFactory()
