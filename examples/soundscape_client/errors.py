"""What the site refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class SoundscapeError(Exception):
    """A refusal, or the site could not be reached.

    That has status 0 and the code ``unreachable``, or ``no_site`` if it never could.

    Attributes
    ----------
    status
        The HTTP status.
    code
        The problem's code, which is stable.
    detail
        A sentence for people.
    errors
        The wrong fields, each with `field`, `code` and `detail`.
    request_id
        To quote in a report of a fault.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        request_id: str = "",
    ) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)
        self.request_id = request_id
