"""The format of stored reports and their rows.

Fields may come and go without another number: readers ignore names that they do not know, and new
fields have a default. The number rises when something that has a name gets another meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

FORMAT: Final = 1


class StoredFormatError(ValueError):
    """A report was stored in a format that this program does not read."""


def check_format(stored: Mapping[str, Any]) -> None:
    """Refuse what is stored in another format; figures without a number have the first one.

    Raises
    ------
    StoredFormatError
        If this program does not read the format.
    """
    number = stored.get("format", 1)
    if number != FORMAT:
        raise StoredFormatError(
            f"the report is stored in format {number}; this program reads format {FORMAT}"
        )
