"""What compose.yml gives the containers: settings, secrets, folders, networks."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys

import pytest

from soundscape_site.settings import engine
from soundscape_site.settings.paths import BASE_DIR, VAR_DIR
from soundscape_site.tests.docker.files import (
    COMPOSE,
    DOCKER,
    DOCKERFILES,
    INTERPOLATED,
    OURS,
    SERVICES,
    dockerfile,
    environment,
    instructions,
)

# A value alone would not do; compose.yml is right only with their defaults.
FIXED = {
    "DATABASE_APP_ROLE": "postgres/init.sql names the role",
    "SOUNDSCAPE_PROGRAM": "the web server sets it",
    "SOUNDSCAPE_MEDIA_ROOT": "a volume lies at its default",
    "SOUNDSCAPE_MODEL_DIR": "a volume lies where models are looked for first",
    "SOUNDSCAPE_SAMPLE_PHOTOS": "needs a mount of its own",
}
OWNER = "DATABASE_OWNER_URL"  # the one variable that one service alone may know


def variables_read():
    """Return the names of the environment variables that the settings read."""
    site = BASE_DIR / "soundscape_site"
    form = re.compile(r"(DATABASE|DJANGO|REDIS|SOUNDSCAPE)_[A-Z_]+")
    return {
        node.value
        for source in (site / "web" / "server.py", *(site / "settings").glob("*.py"))
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and form.fullmatch(node.value)
    }


def test_every_setting_can_be_given():
    images = " ".join(line for path in DOCKERFILES for line in instructions(path, "ENV"))
    given = set.intersection(*(set(service["environment"]) for service in OURS.values()))
    missing = variables_read() - given - set(re.findall(r"(\w+)=", images))
    assert missing == FIXED.keys() | {OWNER}


@pytest.mark.parametrize("name", ["web", "migrate"])
def test_production_starts_with_the_environment_of_compose(name):
    settings = {"DJANGO_SETTINGS_MODULE": "soundscape_site.settings.production"}
    result = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=BASE_DIR, check=False, capture_output=True, text=True,
        env={"PATH": os.defpath} | settings | environment(OURS[name]),
    )  # fmt: skip
    assert result.returncode == 0, result.stderr


def test_secrets_have_no_default_and_are_required():
    text = (DOCKER / "compose.yml").read_text()
    used = {match["name"]: match["kind"] for match in INTERPOLATED.finditer(text)}
    asked = dict(re.findall(r"^(\w+)=(.*)$", (DOCKER / "env.example").read_text(), re.MULTILINE))
    secrets = {name for name in used if name.endswith(("PASSWORD", "SECRET_KEY", "EMAIL_URL"))}
    assert len(secrets) == 6
    assert {used[name] for name in secrets} == {"?"}
    assert {asked[name] for name in secrets} == {""}
    assert asked.keys() == used.keys()


def test_only_migrate_gets_the_owners_url_and_password():
    given = {name for name, service in OURS.items() if OWNER in service["environment"]}
    assert given == {"migrate"}
    knowing = {name for name, service in SERVICES.items() if "OWNER_PASSWORD" in str(service)}
    assert knowing == {"postgres", "migrate"}


def test_every_folder_that_workers_write_is_a_volume_of_their_user():
    folders = (
        engine.SOUNDSCAPE_INDEX_DIRECTORY,
        engine.SOUNDSCAPE_MODELS_DIRECTORY,
        engine.SOUNDSCAPE_SCRATCH_DIRECTORY,
        engine.SOUNDSCAPE_STARTER_LIBRARY,
        VAR_DIR / "media",
    )
    names = {str(folder.relative_to(VAR_DIR)) for folder in folders}
    assert {volume.split(":")[0] for volume in OURS["ingest"]["volumes"]} == names


@pytest.mark.parametrize("name", OURS)
def test_nothing_else_can_be_written(name):
    service = OURS[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    made = " ".join(instructions(dockerfile(service), "RUN")).split("--owner soundscape")[1].split()
    for mount in service.get("volumes", ()):
        volume, folder = mount.split(":")[:2]
        assert folder == f"/var/lib/soundscape/{volume}"
        assert folder in made
        assert volume in COMPOSE["volumes"]


def test_the_servers_cannot_be_reached_from_outside():
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    for name in ("postgres", "redis"):
        assert SERVICES[name]["networks"] == ["inside"]
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"web": ["${SOUNDSCAPE_PUBLISH:-127.0.0.1:8000}:8000"]}


def test_every_setting_is_documented():
    page = (BASE_DIR / "docs" / "deployment.md").read_text()
    rows = set(re.findall(r"^\| `([A-Z_]+)` \|", page, re.MULTILINE))
    elsewhere = {"DJANGO_SETTINGS_MODULE", "SOUNDSCAPE_POSTGRES_USER", "SOUNDSCAPE_VAR_DIR"}
    assert rows == variables_read() | elsewhere
