"""`python -m benchmarks.simulated_campaign`: a campaign from draw to frozen report, simulated.

Three scripts grade the sample photos through the pages' own requests: one by the ground truth of
`bench_retrieval`, one by the same with 15 % random errors, and, where they differ, a third by the
truth. The figures show that the tool measures what it is given. No human judged anything.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import uuid
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks.chaos.reviewers import PASSWORD
from benchmarks.chaos.visitors import Browser
from benchmarks.processes import free_port, manage
from benchmarks.report import figure, heading
from benchmarks.site import serving
from retrieval.catalogue.benchmark_truth import load_truth
from soundscape_site.settings.paths import SHARED_DIR

SET: Final = "Sample photos"
_ERRORS: Final = 0.15
_GRADES: Final = ("good", "decent", "bad")
_OPEN: Final = "from benchmarks.simulated_rows import open_simulation; open_simulation()"
_WAITING: Final = "from benchmarks.simulated_rows import waiting_pairs; waiting_pairs({})"


def fingerprint(content: str) -> str:
    """Return a short hash of a file as `Browser` receives it: as text."""
    return hashlib.blake2b(content.encode(), digest_size=8).hexdigest()


def main() -> None:
    """Run the campaign in a temporary var directory, and print its report."""
    with TemporaryDirectory(prefix="soundscape-simulation-") as folder:
        var = Path(folder)
        heading("Library and photos")
        manage(var, "migrate", "-v0")
        manage(var, "fetch_models")
        figure("recordings", _import_library(var), "")
        photos = _copied_photos(var / "photos")
        port = free_port()
        with serving(var, port):
            manage(var, "import_photos", str(photos), "--set", SET)
            drawn = json.loads(_last_line(var, _OPEN))
            _run(var, f"http://127.0.0.1:{port}", drawn)
            heading("The report, frozen")
            print(manage(var, "accuracy_report", str(drawn["campaign"])).output)


def _import_library(var: Path) -> int:
    library = SHARED_DIR / "library" / "library.csv"
    manage(var, "import_clips", str(library))
    return len(library.read_text(encoding="utf-8").splitlines()) - 1


def _copied_photos(folder: Path) -> Path:
    """Copy the photos that the ground truth knows; it has no grades for portraits."""
    folder.mkdir()
    for path in sorted((SHARED_DIR / "photos").rglob("*.png")):
        if path.name in load_truth().photos:
            shutil.copy(path, folder)
    return folder


def _last_line(var: Path, code: str) -> str:
    return manage(var, "shell", "-v0", "-c", code).output.splitlines()[-1]


def _run(var: Path, site: str, drawn: dict[str, Any]) -> None:
    """Grade, decide what graders leave to the lead, close the campaign, freeze its report."""
    heading(f"Grading {drawn['pairs']} pairs")
    noise = random.Random(1)
    campaign = f"/campaigns/{drawn['campaign']}"
    exact, erring = drawn["reviewers"]
    lead = _logged_in(site, drawn["lead"])
    for name, browser, errors in (
        ("by the truth", _logged_in(site, exact), 0.0),
        ("by the truth with errors", _logged_in(site, erring), _ERRORS),
        ("third, where they differ, by the truth", lead, 0.0),
    ):
        counts = _grade_all(browser, drawn, errors=errors, noise=noise)
        figure(name, sum(counts.values()), "grades", note=str(dict(counts)))
    waiting = json.loads(_last_line(var, _WAITING.format(drawn["campaign"])))
    for pair, grade in waiting.items():
        decided = lead.post(
            f"{campaign}/pairs/{pair}/adjudicate/", grade=grade, reason="By the ground truth."
        )
        _expect(303, decided.status)
    figure("decided by the lead", len(waiting), "pairs")
    _expect(303, lead.post(f"{campaign}/steps/", step="close").status)
    _expect(303, lead.post(f"{campaign}/report/freeze/").status)


def _logged_in(site: str, name: str) -> Browser:
    browser = Browser(site)
    browser.post("/accounts/login/", login=name, password=PASSWORD)
    return browser


def _grade_all(
    browser: Browser, drawn: dict[str, Any], *, errors: float, noise: random.Random
) -> Counter[str]:
    """Grade until nothing is left, by photo and sound alone; return the grades by their name."""
    given: Counter[str] = Counter()
    address = f"/review/{drawn['campaign']}/next/"
    while pairs := json.loads(browser.post_json(address, {"wanted": 3}).body)["pairs"]:
        for pair in pairs:
            shown = [
                fingerprint(browser.request("GET", f"/review/leases/{pair['token']}/{part}").body)
                for part in ("photo", "sound")
            ]
            grade = drawn["truth"][" ".join(shown)]
            if noise.random() < errors:
                grade = noise.choice([other for other in _GRADES if other != grade])
            content = {
                "id": str(uuid.uuid4()), "token": pair["token"], "kind": "grade", "grade": grade,
                "faults": [], "listened_s": 3.0, "heard_to_end": False, "took_s": 4.0,
            }  # fmt: skip
            _expect(200, browser.post_json("/review/answers/", content).status)
            given[grade] += 1
    return given


def _expect(status: int, got: int) -> None:
    if got != status:
        raise SystemExit(f"the site answered {got}, not {status}")


if __name__ == "__main__":
    main()
