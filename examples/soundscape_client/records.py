"""What the site answers. `raw` holds the whole answer, with fields that are newer than this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FINISHED = frozenset({"done", "failed"})


@dataclass(frozen=True)
class Clip:
    """A recording."""

    id: int
    title: str
    license: str
    credit_line: str
    duration_s: float
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Clip:
        """Read an answer."""
        return cls(
            id=found["id"],
            title=found["title"],
            license=found.get("license", ""),
            credit_line=found["credit_line"],
            duration_s=found.get("duration_s", 0.0),
            raw=found,
        )


@dataclass(frozen=True)
class Match:
    """A recording that fits a photo; `rank` 1 fits best."""

    rank: int
    strength: str
    clip: Clip
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Match:
        """Read an answer."""
        return cls(
            rank=found["rank"],
            strength=found.get("strength") or "",
            clip=Clip.from_json(found["clip"]),
            raw=found,
        )


@dataclass(frozen=True)
class Scene:
    """A photo that was sent, with its matches once it is done."""

    id: str
    state: str
    matches: tuple[Match, ...]
    raw: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def is_finished(self) -> bool:
        """Whether there is a result, or none will come, also of a search that was repeated."""
        rematch = self.raw.get("rematch") or {}
        return {self.state, rematch.get("state", "done")} <= FINISHED

    @property
    def error_code(self) -> str:
        """Why it failed; empty if it did not."""
        failure = self.raw.get("failure") or {}
        return str(failure.get("code", ""))

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Scene:
        """Read an answer."""
        return cls(
            id=str(found["id"]),
            state=found["state"],
            matches=tuple(Match.from_json(one) for one in found.get("matches") or ()),
            raw=found,
        )
