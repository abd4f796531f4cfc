"""The documentation quotes what the program says."""

from __future__ import annotations

import re

import pytest

from soundscape_site.settings.paths import BASE_DIR
from soundscape_site.tests.test_structure import SOURCES

_OPERATING = (BASE_DIR / "docs" / "operating.md").read_text()
_MESSAGES = _OPERATING.partition("\n## Messages\n")[2].partition("\n## ")[0]
QUOTED = [
    message
    for line in _MESSAGES.splitlines()
    if line.startswith("|")
    for message in re.findall(r"`([^`]+)`", line.split("|")[1])
]


def test_the_table_of_messages_is_found():
    assert len(QUOTED) >= 15


@pytest.mark.parametrize("message", QUOTED)
def test_quoted_messages_are_in_the_source(message):
    """An ellipsis stands for anything within a line."""
    pattern = re.compile(".*".join(re.escape(part) for part in message.split("…")))
    assert any(pattern.search(path.read_text()) for path in SOURCES)
