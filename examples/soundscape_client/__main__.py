"""``python -m soundscape_client FOLDER --site ADDRESS --out results.csv``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from soundscape_client.client import Client
from soundscape_client.errors import SoundscapeError
from soundscape_client.folders import Outcome, photos_of, write_csv

_SAY_EVERY_S = 5.0


def main(arguments: list[str] | None = None) -> int:
    """Send the photos of a folder, and write a table of the results; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m soundscape_client",
        description="Send the photos of a folder, and write a table of the results.",
        epilog="The key is read from SOUNDSCAPE_KEY. Run it again if it was interrupted: no photo "
        "is kept twice within a day.",
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--site",
        default=os.environ.get("SOUNDSCAPE_SITE", "http://127.0.0.1:8000"),
        help="the site's address (SOUNDSCAPE_SITE; default %(default)s)",
    )
    parser.add_argument("--out", type=Path, default=Path("results.csv"))
    parser.add_argument("--parallel", type=int, default=2, help="photos at once (%(default)s)")
    given = parser.parse_args(arguments)
    key = os.environ.get("SOUNDSCAPE_KEY", "")
    if not key:
        parser.error("set SOUNDSCAPE_KEY to a key from the page “API keys”")
    if given.parallel < 1:
        parser.error("--parallel must be at least 1")
    try:
        progress = _Progress(len(photos_of(given.folder)))
        client = Client(given.site, key, on_wait=progress.waiting)
        results = client.upload_folder(given.folder, parallel=given.parallel, on_progress=progress)
        write_csv(results, given.out)
    except SoundscapeError as error:
        print(f"error: {error.detail if error.status == 0 else error}", file=sys.stderr)
        return 1
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Run it again to continue.", file=sys.stderr)
        return 130
    print(f"{len(results) - progress.bad} of {len(results)} photos have a result: {given.out}")
    return 2 if progress.bad else 0


class _Progress:
    """Prints one line for each photo, and now and then what it waits for."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._said_at = time.monotonic()
        self.bad = 0

    def __call__(self, outcome: Outcome) -> None:
        """Print what became of a photo."""
        self._done += 1
        self._said_at = time.monotonic()
        scene = outcome.scene
        if scene is not None and scene.matches:
            best = scene.matches[0]
            words = f"{best.clip.title} ({best.strength})" if best.strength else best.clip.title
        else:
            self.bad += 1
            words = str(outcome.error) if outcome.error else f"{scene and scene.error_code}"
        print(f"[{self._done}/{self._total}] {outcome.path.name}: {words}", flush=True)

    def waiting(self, words: str) -> None:
        """Print why nothing happens, if nothing was printed for some seconds."""
        now = time.monotonic()
        if now - self._said_at >= _SAY_EVERY_S:
            self._said_at = now
            print(f"[{self._done}/{self._total}] waiting: {words}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
