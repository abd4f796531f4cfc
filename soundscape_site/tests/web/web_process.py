"""Start a web process for a test."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from soundscape_site.settings.paths import BASE_DIR
from soundscape_site.tests.waiting import until


@contextmanager
def web_process(module: str, log: Path, **environment: str):
    """Run a module that serves; yield its process once it listens."""
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=BASE_DIR,
            env=os.environ | environment,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        until(lambda: "Serving on" in log.read_text(), log.read_text)
        yield process
    finally:
        process.kill()
        process.wait()
