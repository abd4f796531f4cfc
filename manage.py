#!/usr/bin/env python
"""Django's command line; it starts embedded services where none are configured."""

import contextlib
import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from soundscape_site.embedded.commands import services_for
from soundscape_site.embedded.errors import ServicesError
from soundscape_site.embedded.locations import var_directory
from soundscape_site.embedded.services import use_services

INTERRUPTED = 130  # exit status of a command ended by Ctrl-C


def main() -> None:
    """Run one command."""
    if sys.getfilesystemencoding() != "utf-8" and "-X utf8" not in " ".join(sys.orig_argv):
        # Files and texts are in UTF-8 in every locale. The variable is for child processes.
        command = [sys.executable, "-X", "utf8", *sys.orig_argv[1:]]
        os.execve(sys.executable, command, os.environ | {"PYTHONUTF8": "1"})  # noqa: S606
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "soundscape_site.settings.local")
    services = services_for(sys.argv, os.environ)
    try:
        with use_services(var_directory(), services) if services else contextlib.nullcontext():
            execute_from_command_line(sys.argv)
    except (ServicesError, ImproperlyConfigured) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
