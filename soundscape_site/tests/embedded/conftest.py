"""A var directory for each test; no process may remain after it."""

import shutil
import tempfile
from pathlib import Path

import pytest

from soundscape_site.tests.embedded.installation import Installation


@pytest.fixture
def passable_directory():
    """A directory that PostgreSQL's user can enter, unlike pytest's when root runs it."""
    directory = Path(tempfile.mkdtemp(prefix="soundscape-test-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def installation(passable_directory):
    one = Installation(passable_directory / "var")
    yield one
    one.close()
