"""How much one sender may upload, and the error when that is exceeded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """The upload limits of one sender; 0 means unlimited."""

    photos_a_day: int
    megabytes_a_day: int
    photos_a_minute: int


@dataclass(frozen=True, slots=True)
class Allowance:
    """A counter of uploads, its limits, and its owner as named in error messages."""

    key: str
    whose: str
    limits: UploadLimits


class LimitExceededError(Exception):
    """The sender has reached a limit: `code` names it, `detail` explains it to the sender."""

    def __init__(self, detail: str, *, code: str, retry_after_s: int) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.retry_after_s = retry_after_s
