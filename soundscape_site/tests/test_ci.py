"""`.ci/run` leaves nothing out: what it cannot run, it says and fails."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from soundscape_site.settings.paths import BASE_DIR
from soundscape_site.tests.browser import conftest


@pytest.fixture(params=["LIBRARY", "SOUNDSCAPE_CHROMIUM"])
def incomplete(request, tmp_path, monkeypatch):
    """Give a machine without the data beside the checkout, or without a browser."""
    for name in conftest.REQUIRED_BY:
        monkeypatch.delenv(name, raising=False)
    if request.param == "LIBRARY":
        monkeypatch.setattr(conftest, "LIBRARY", tmp_path / "nothing")
        return "no ../shared/library"
    monkeypatch.setattr(conftest, "LIBRARY", tmp_path)
    monkeypatch.setattr(conftest, "PHOTOS", tmp_path)
    monkeypatch.setenv("SOUNDSCAPE_CHROMIUM", str(tmp_path / "chromium"))
    return "no Chromium at"


def test_browser_tests_that_cannot_run_are_left_out_with_a_word(request, incomplete):
    with pytest.raises(pytest.skip.Exception, match=f"browser tests left out: {incomplete}"):
        conftest.pytest_runtest_setup(request.node)


@pytest.mark.parametrize("name", conftest.REQUIRED_BY)
def test_where_they_are_required_they_fail(request, incomplete, monkeypatch, name):
    monkeypatch.setenv(name, "1")
    with pytest.raises(pytest.fail.Exception, match=f"tests are required here: {incomplete}"):
        conftest.pytest_runtest_setup(request.node)


@pytest.fixture
def machine(tmp_path):
    """Run `.ci/run` where hardly a program is installed."""
    for name in ("bash", "cat", "dirname", "env", "id"):
        (tmp_path / name).symlink_to(shutil.which(name) or "missing")

    def run(**programs):
        for name, lines in programs.items():
            program = tmp_path / name.replace("_", "-")
            program.write_text(f"#!/bin/bash\n{lines}\n")
            program.chmod(0o755)
        return subprocess.run(
            [str(BASE_DIR / ".ci" / "run")], capture_output=True, text=True,
            env={"PATH": str(tmp_path), "SOUNDSCAPE_CHROMIUM": str(tmp_path / "chromium")},
        )  # fmt: skip

    return run


def test_a_browser_that_cannot_be_installed_ends_the_run_with_words(machine):
    done = machine(make="echo went on")
    assert done.returncode == 1
    assert "The browser tests need Chromium" in done.stderr
    assert "went on" not in done.stdout


def test_a_browser_that_is_missing_is_installed_and_then_required(machine):
    done = machine(
        apt_get='echo "apt-get $*"',
        sudo='shift; exec "$@"',  # for whoever is not root
        make='echo "make $* $SOUNDSCAPE_REQUIRE_BROWSER $CI"; exit 3',
    )
    assert done.returncode == 3
    assert done.stdout.splitlines() == [
        "apt-get update -qq",
        "apt-get install -y -qq --no-install-recommends chromium",
        "make test 1 1",
    ]


def test_a_browser_that_is_there_is_not_installed_again(machine):
    done = machine(chromium="exit 0", make='echo "make $*"; exit 3')
    assert (done.returncode, done.stdout) == (3, "make test\n")
