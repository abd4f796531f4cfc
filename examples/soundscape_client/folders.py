"""A folder of photos: send all, wait for all, write a table of the results."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from soundscape_client.errors import SoundscapeError
from soundscape_client.records import Scene
from soundscape_client.transport import NO_SITE

if TYPE_CHECKING:
    from soundscape_client.client import Client

PHOTO_ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif"})
COLUMNS = (
    "file", "scene", "state", "error", "detail", "rank", "strength", "clip", "title", "license",
    "credit_line",
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What became of one photo: a scene, or the error that refused it."""

    path: Path
    scene: Scene | None
    error: Exception | None = None


def photos_of(folder: Path) -> list[Path]:
    """Return the photos of a folder and of the folders in it, by name."""
    if not folder.is_dir():
        raise NotADirectoryError(str(folder))
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in PHOTO_ENDINGS and path.is_file()
    )


def upload_folder(
    client: Client,
    folder: Path,
    parallel: int,
    on_progress: Callable[[Outcome], None] | None,
) -> list[Outcome]:
    """Send the photos of a folder; return their outcomes in the order of their names."""
    photos = photos_of(folder)
    found: dict[Path, Outcome] = {}
    with ThreadPoolExecutor(max_workers=parallel) as pool:
        waiting = {pool.submit(_result, client, path): path for path in photos}
        try:
            for done in as_completed(waiting):
                outcome = done.result()
                found[outcome.path] = outcome
                if on_progress is not None:
                    on_progress(outcome)
        except BaseException:  # Ctrl-C, or a key that opens nothing: begin no more
            for one in waiting:
                one.cancel()
            raise
    return [found[path] for path in photos]


def _result(client: Client, path: Path) -> Outcome:
    try:
        scene = client.upload(path)
        return Outcome(path, scene if scene.is_finished else client.wait(scene.id))
    except SoundscapeError as error:
        if error.status in {401, 403} or error.code == NO_SITE:  # of every photo
            raise
        return Outcome(path, None, error)
    except (OSError, TimeoutError) as error:  # the file, or no result in time
        return Outcome(path, None, error)


def write_csv(results: Iterable[Outcome], path: str | Path) -> None:
    """Write one row for each match, and one for each photo without any."""
    with Path(path).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, restval="")
        writer.writeheader()
        for outcome in results:
            writer.writerows(_rows(outcome))


def _rows(outcome: Outcome) -> list[dict[str, object]]:
    row: dict[str, object] = {"file": _safe(str(outcome.path))}
    if outcome.error is not None:
        code = getattr(outcome.error, "code", type(outcome.error).__name__)
        return [
            row | _text({"error": code, "detail": getattr(outcome.error, "detail", outcome.error)})
        ]
    scene = outcome.scene
    if scene is None:
        return [row]
    row |= {"scene": scene.id, "state": scene.state, "error": scene.error_code}
    rows = [
        row
        | {"rank": match.rank, "clip": match.clip.id}
        | _text(
            {
                "strength": match.strength,
                "title": match.clip.title,
                "license": match.clip.license,
                "credit_line": match.clip.credit_line,
            }
        )
        for match in scene.matches
    ]
    return rows or [row]


def _text(values: dict[str, object]) -> dict[str, object]:
    return {name: _safe(str(value)) for name, value in values.items()}


def _safe(value: str) -> str:
    """Return a text that a spreadsheet does not take for a formula."""
    return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
