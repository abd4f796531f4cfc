"""The API on a real site: its page in a browser, and the client with the README's call."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page
from soundscape_client import Client

from soundscape_site.settings.paths import BASE_DIR
from soundscape_site.tests.browser.people import assert_accessible_everywhere
from soundscape_site.tests.browser.site import PHOTOS, Site

_MAKE_KEY = """
from accounts.models import User
from soundscape_site.tests.api.people import allow_everything
print(allow_everything(User.objects.create_user("program", "program@people.example", "x")))
"""


def own_photo(name: str, target: Path) -> Path:
    """Write a part of a sample photo: the whole ones are other tests', and matched once."""
    with Image.open(PHOTOS / name) as photo:
        photo.convert("RGB").crop((9, 9, 700, 480)).save(target)
    return target


@pytest.fixture(scope="module")
def key(site: Site) -> str:
    return site.manage("shell", "--verbosity", "0", "--command", _MAKE_KEY).split()[-1]


def test_the_page_is_readable_by_everyone(visit: Callable[..., Page]):
    page = visit("/api/v1/docs")
    assert_accessible_everywhere(page)
    page.goto("/api/v1/docs#file_empty")
    assert page.locator("#file_empty").is_visible()


def test_the_page_leads_to_the_description(visit: Callable[..., Page], site: Site):
    link = visit("/api/v1/docs").get_by_role("link", name="OpenAPI")
    assert '"openapi": "3.1.0"' in site.get(str(link.get_attribute("href")))


def test_a_folder_becomes_a_table(site: Site, key: str, tmp_path: Path):
    """By the command of the docs, with photos one after the other: the queue takes one."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("kodim01.png", "kodim02.png"):
        own_photo(name, folder / name)
    (folder / "no photo.jpg").write_bytes(b"words")
    out = tmp_path / "results.csv"
    command = [sys.executable, "-m", "soundscape_client", str(folder), "--site", site.url]
    done = subprocess.run(
        [*command, "--out", str(out), "--parallel", "1"],
        env=os.environ | {"PYTHONPATH": str(BASE_DIR / "examples"), "SOUNDSCAPE_KEY": key},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert "2 of 3 photos have a result" in done.stdout
    with out.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {Path(row["file"]).name for row in rows if row["rank"] == "1"} == {
        "kodim01.png",
        "kodim02.png",
    }
    assert [row["error"] for row in rows if row["error"]] == ["unsupported_media_type"]
    scenes = {row["scene"] for row in rows} - {""}
    again = Client(site.url, key).upload(folder / "kodim01.png")
    assert again.id in scenes  # not kept twice


def test_what_a_photo_sounds_like_can_be_downloaded(site: Site, key: str, tmp_path: Path):
    client = Client(site.url, key)
    scene = client.wait(
        client.upload(own_photo("kodim03.png", tmp_path / "photo.png"), wait_s=10).id
    )
    best = client.matches(scene.id)[0]
    assert client.clip(best.clip.id).title == best.clip.title
    assert client.download_audio(best.clip.id, tmp_path / "best").stat().st_size > 1000
    assert scene.id in {one.id for one in client.scenes()}
    client.delete_scene(scene.id)
    assert scene.id not in {one.id for one in client.scenes()}


def test_recordings_are_found_page_by_page(site: Site, key: str):
    client = Client(site.url, key)
    found = [clip.id for clip in client.clips(page_size=3)]
    assert len(found) > 3
    assert len(set(found)) == len(found)


def test_the_readmes_program_runs(
    site: Site, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    readme = (BASE_DIR / "README.md").read_text()
    program = re.search(r"```python\n(.*?)```", readme, re.DOTALL)
    assert program
    (tmp_path / "photos").mkdir()
    own_photo("kodim04.png", tmp_path / "photos" / "kodim04.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOUNDSCAPE_KEY", key)
    exec(program[1].replace("http://127.0.0.1:8000", site.url), {})  # our own
    assert "kodim04.png" in (tmp_path / "results.csv").read_text()


def test_the_first_call_of_the_docs_works(site: Site, key: str, tmp_path: Path):
    docs = (BASE_DIR / "docs" / "api.md").read_text()
    call = re.search(r"^    curl (?:.*\n)+?(?=\n)", docs, re.MULTILINE)
    assert call
    own_photo("kodim05.png", tmp_path / "photo.jpg")
    done = subprocess.run(
        ["bash", "-c", call[0].replace("http://127.0.0.1:8000", site.url)],
        env=os.environ | {"SOUNDSCAPE_KEY": key},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"state":' in done.stdout
