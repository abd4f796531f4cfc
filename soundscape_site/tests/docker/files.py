"""The files of docker/, read once for all tests."""

from __future__ import annotations

import re

import yaml

from soundscape_site.settings.paths import BASE_DIR

DOCKER = BASE_DIR / "docker"
DOCKERFILES = sorted(DOCKER.glob("*.Dockerfile"))
ENTRYPOINT = DOCKER / "entrypoint.sh"

COMPOSE = yaml.safe_load((DOCKER / "compose.yml").read_text())
SERVICES = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}

# ${NAME}, ${NAME:?what is missing} or ${NAME:-default}
INTERPOLATED = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[?-])(?P<word>[^}]*))?\}")
SAMPLE = "abcdefghijklmnopqrstuvwxyz" + "0123456789" * 3
SAMPLES = {  # of variables that have a form of their own
    "SOUNDSCAPE_EMAIL_URL": f"smtp://soundscape:{SAMPLE}@mail.example:587?tls=starttls",
    "SOUNDSCAPE_EMAIL_FROM": "Soundscape <noreply@sound.example>",
}


def dockerfile(service):
    """Return the path of the file that a service's image is built from."""
    return BASE_DIR / service["build"]["dockerfile"]


def instructions(path, name):
    """Return the arguments of one kind of instruction, continuation lines joined."""
    text = path.read_text().replace("\\\n", " ")
    return [line.split(maxsplit=1)[1] for line in text.splitlines() if line.startswith(f"{name} ")]


def environment(service):
    """Return what a container gets when every variable without a default is given."""

    def value(match):
        return match["word"] if match["kind"] == "-" else SAMPLES.get(match["name"], SAMPLE)

    return {
        name: INTERPOLATED.sub(value, text)
        for name, text in service["environment"].items()
        if text is not None
    }
