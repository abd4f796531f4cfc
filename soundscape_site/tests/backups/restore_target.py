"""Another installation of the site: its database, its media folder, and commands that use them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from urllib.parse import quote

import psycopg2
from django.db import connection

from soundscape_site.settings.paths import BASE_DIR


class RestoreTarget:
    """An installation without any data: with the tables of a template, or without any."""

    def __init__(self, name, folder, *, template="template1"):
        self.name, self.folder = name, folder
        self.media = folder / "media"
        settings = connection.settings_dict
        user, password = (quote(settings[key], safe="") for key in ("USER", "PASSWORD"))
        host = quote(settings["HOST"], safe="")
        self._url = f"postgres://{user}:{password}@{host}:{settings['PORT']}/{name}"
        execute("postgres", f'CREATE DATABASE "{name}" TEMPLATE "{template}"')

    def manage(self, *arguments):
        """Run a command of this installation in a separate process."""
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DATABASE", "DJANGO", "REDIS", "SOUNDSCAPE"))
        }
        return subprocess.run(
            [sys.executable, "manage.py", *map(str, arguments)],
            cwd=BASE_DIR,
            capture_output=True,
            text=True,
            env=clean
            | {
                "DATABASE_URL": self._url,
                "DATABASE_OWNER_URL": self._url,
                "REDIS_URL": "redis://not-needed.invalid:6379/0",
                "SOUNDSCAPE_VAR_DIR": str(self.folder),
                "SOUNDSCAPE_LOG_LEVEL": "WARNING",
            },
        )

    def check_media(self):
        """Return the command's exit status and report."""
        result = self.manage("check_media", "--json")
        return result.returncode, json.loads(result.stdout)

    def rows(self, query):
        return execute(self.name, query)

    def remove(self):
        execute("postgres", f'DROP DATABASE "{self.name}" WITH (FORCE)')


def execute(database, statement):
    """Execute a statement as the owner, in a database of the tests' server."""
    settings = connection.settings_dict
    server = psycopg2.connect(
        host=settings["HOST"],
        port=settings["PORT"],
        user=settings["USER"],
        password=settings["PASSWORD"],
        dbname=database,
    )
    with closing(server):
        server.autocommit = True
        with server.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
