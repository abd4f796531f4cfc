"""What tests read from pages."""

from __future__ import annotations

import re


def facts_in(page):
    """Return the facts of a page by their terms."""
    found = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page)
    return {term: re.sub("<[^>]+>", "", value) for term, value in found}
