"""`.ci/run` skips nothing: it fails and says what it cannot run."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from soundscape_site.settings.paths import BASE_DIR
from soundscape_site.tests.browser import conftest


@pytest.fixture(params=["LIBRARY", "SOUNDSCAPE_CHROMIUM"])
def missing(request, tmp_path, monkeypatch):
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


def test_browser_tests_that_cannot_run_are_skipped_with_the_reason(request, missing):
    with pytest.raises(pytest.skip.Exception, match=f"browser tests left out: {missing}"):
        conftest.pytest_runtest_setup(request.node)


@pytest.mark.parametrize("name", conftest.REQUIRED_BY)
def test_required_browser_tests_that_cannot_run_fail(request, missing, monkeypatch, name):
    monkeypatch.setenv(name, "1")
    with pytest.raises(pytest.fail.Exception, match=f"tests are required here: {missing}"):
        conftest.pytest_runtest_setup(request.node)


@pytest.fixture
def machine(tmp_path):
    """Run `.ci/run` on a machine with hardly any programs."""
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


def test_a_browser_that_cannot_be_installed_ends_the_run_with_a_message(machine):
    done = machine(make="echo went on")
    assert done.returncode == 1
    assert "The browser tests need Chromium" in done.stderr
    assert "went on" not in done.stdout


def test_a_missing_browser_is_installed_and_everything_is_required(machine):
    done = machine(
        apt_get='echo "apt-get $*"',
        sudo='shift; exec "$@"',  # if the tests do not run as root
        make='echo "make $* $SOUNDSCAPE_REQUIRE_BROWSER $SOUNDSCAPE_REQUIRE_MODELS $CI"; exit 3',
    )
    assert done.returncode == 3
    assert done.stdout.splitlines() == [
        "apt-get update -qq",
        "apt-get install -y -qq --no-install-recommends chromium",
        "make test 1 1 1",
    ]


def test_an_installed_browser_is_not_installed_again(machine):
    done = machine(chromium="exit 0", make='echo "make $*"; exit 3')
    assert (done.returncode, done.stdout) == (3, "make test\n")
