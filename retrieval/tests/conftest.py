"""Fixtures of the retrieval app: folders, shared data, factories."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrieval.jobs import priority
from retrieval.selectors import networks
from retrieval.tests.factories import ClipFactory


@pytest.fixture(autouse=True)
def in_front(monkeypatch):
    """Keep the test process from lowering its own priority."""
    monkeypatch.setattr("os.nice", lambda _: 0)
    monkeypatch.setattr(priority, "SESSION_NICENESS", Path("/nowhere/autogroup"))


@pytest.fixture(autouse=True)
def every_network(request, monkeypatch):
    """Pretend that every network is present, except in tests that use real weights."""
    if request.node.get_closest_marker("weights") is None:
        monkeypatch.setattr(networks, "is_present", lambda _: True)


@pytest.fixture
def shared_dir(settings) -> Path:
    """The folder of shared data beside the checkout."""
    folder: Path = settings.SOUNDSCAPE_SHARED_LIBRARY.parents[1]
    if not folder.is_dir():
        pytest.skip("compares with ../shared, which is not beside this checkout")
    return folder


@pytest.fixture
def media_root(settings, tmp_path) -> Path:
    """An empty media folder."""
    folder: Path = tmp_path / "media"
    settings.MEDIA_ROOT = folder
    return folder


@pytest.fixture
def index_directory(settings, tmp_path) -> Path:
    """An empty index folder."""
    folder: Path = tmp_path / "index"
    settings.SOUNDSCAPE_INDEX_DIRECTORY = folder
    return folder


@pytest.fixture
def make_clip(db) -> ClipFactory:
    """Create searchable clips, each with a profile."""
    return ClipFactory()
