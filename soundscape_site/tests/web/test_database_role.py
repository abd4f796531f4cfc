"""In production, the web server refuses a database role that can change the audit log."""

from __future__ import annotations

import os
import subprocess
import sys
from urllib.parse import quote

import pytest
from django.core.management.base import SystemCheckError
from django.db import OperationalError, connection

from accounts import checks
from accounts.tests.test_roles import as_application
from soundscape_site.settings.paths import BASE_DIR
from soundscape_site.tests.test_settings import PRODUCTION
from soundscape_site.web.server import check_database_role

pytestmark = pytest.mark.django_db


def test_the_server_does_not_start_with_the_owners_role(tmp_path):
    given = {name: quote(str(value), safe="") for name, value in connection.settings_dict.items()}
    who, where = f"{given['USER']}:{given['PASSWORD']}", f"{given['HOST']}:{given['PORT']}"
    environment = PRODUCTION | {
        "DATABASE_URL": f"postgres://{who}@{where}/{given['NAME']}",
        "SOUNDSCAPE_VAR_DIR": str(tmp_path),
        "SOUNDSCAPE_BIND": f"unix:{tmp_path / 'web.sock'}",
    }
    started = subprocess.run(
        [sys.executable, "-m", "soundscape_site.web.server"],
        cwd=BASE_DIR, env=os.environ | environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert started.returncode == 1
    assert "accounts.E001" in started.stderr


@pytest.fixture(autouse=True)
def _production(settings, monkeypatch):
    settings.SECURE_SSL_REDIRECT = True
    monkeypatch.setattr(connection, "close", lambda: None)  # the test's transaction goes on


def test_the_owners_role_is_refused():
    with pytest.raises(SystemCheckError, match="DATABASE_URL can change the audit log"):
        check_database_role()


def test_the_applications_role_is_accepted():
    with as_application():
        check_database_role()


def test_elsewhere_any_role_is_accepted(settings):
    settings.SECURE_SSL_REDIRECT = False
    check_database_role()


def test_a_database_that_does_not_answer_does_not_stop_the_start(monkeypatch, capsys):
    def down():
        raise OperationalError("the database starts")

    monkeypatch.setattr(checks, "can_change_audit_log", down)
    check_database_role()
    assert "The audit log is not checked: the database starts" in capsys.readouterr().err
