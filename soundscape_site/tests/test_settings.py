"""Settings, each environment in a fresh process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from retrieval.engine.matching import recipes
from soundscape_site.settings import engine
from soundscape_site.settings.paths import BASE_DIR

PRODUCTION = {
    "DJANGO_SETTINGS_MODULE": "soundscape_site.settings.production",
    "DJANGO_SECRET_KEY": "".join(chr(97 + i % 26) for i in range(60)),
    "DJANGO_ALLOWED_HOSTS": "sound.example",
    "DATABASE_URL": "postgres://app@db/sound",
    "REDIS_URL": "redis://redis:6379/0",
    "DJANGO_BEHIND_TLS_PROXY": "yes",
    "SOUNDSCAPE_PROXIES": "1",
    "SOUNDSCAPE_EMAIL_URL": "smtp://me:canary@mail.example:587?tls=starttls",
    "SOUNDSCAPE_EMAIL_FROM": "Soundscape <noreply@sound.example>",
}


def django(*arguments, var, **environment):
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DJANGO", "DATABASE", "REDIS", "SOUNDSCAPE"))
    }
    return subprocess.run(
        [sys.executable, "-m", "django", *arguments], cwd=BASE_DIR, capture_output=True, text=True,
        env=clean | {"PYTHONPATH": str(BASE_DIR), "SOUNDSCAPE_VAR_DIR": str(var)} | environment,
    )  # fmt: skip


def test_production_passes_djangos_deployment_checks(tmp_path):
    result = django("check", "--deploy", "--fail-level", "WARNING", var=tmp_path, **PRODUCTION)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", sorted(PRODUCTION.keys() - {"DJANGO_SETTINGS_MODULE"}))
def test_production_does_not_guess(tmp_path, name):
    given = {key: value for key, value in PRODUCTION.items() if key != name}
    result = django("check", var=tmp_path, **given)
    assert result.returncode != 0
    assert name in result.stderr


def test_only_migrate_needs_the_owners_url(tmp_path):
    show = ("-c", "from django.conf import settings; print(sorted(settings.DATABASES))")
    owner = {"DATABASE_OWNER_URL": "postgres://owner@db/sound"}
    shown = [
        django("shell", "-v0", *show, var=tmp_path, **PRODUCTION | more).stdout.strip()
        for more in ({}, owner)
    ]
    assert shown == ["['default']", "['default', 'owner']"]
    refused = django("migrate", var=tmp_path, **PRODUCTION)
    assert refused.returncode == 1
    assert refused.stderr.strip().endswith("set DATABASE_OWNER_URL beside DATABASE_URL.")


def test_connecting_to_a_database_times_out_soon_unless_its_url_says_otherwise(tmp_path):
    show = (
        "from django.conf import settings\n"
        "print([given['OPTIONS'] for given in settings.DATABASES.values()])"
    )
    local = {"DJANGO_SETTINGS_MODULE": "soundscape_site.settings.local"}
    patient = PRODUCTION | {"DATABASE_URL": "postgres://app@db/sound?connect_timeout=9"}
    shown = [
        django("shell", "-v0", "-c", show, var=tmp_path, **given).stdout.strip()
        for given in (local, PRODUCTION, patient)
    ]
    two = "{'connect_timeout': 2}"
    assert shown == [f"[{two}, {two}]", f"[{two}]", "[{'connect_timeout': '9'}]"]


WAITS_FOR_A_LOCK = """
from django.db import OperationalError, connection

connection.settings_dict["NAME"] = "postgres"
print(connection.settings_dict["ENGINE"])
holder = connection.copy()
with holder.cursor() as another:
    another.execute("SELECT pg_advisory_lock(7)")
with connection.cursor() as cursor:
    cursor.execute("SHOW statement_timeout")
    print(cursor.fetchone()[0])
    try:
        cursor.execute("SELECT pg_try_advisory_lock(8)")
        cursor.execute("SELECT pg_advisory_lock(7)")
    except OperationalError as error:  # what pages answer 503 to
        print(type(error.__cause__).__name__)
"""


def test_the_web_limits_its_waits_for_the_database():
    answer = subprocess.run(
        [sys.executable, "-m", "django", "shell", "-v0", "-c", WAITS_FOR_A_LOCK],
        capture_output=True, text=True, cwd=BASE_DIR,
        env=os.environ | {
            "SOUNDSCAPE_PROGRAM": "web",
            "DJANGO_SETTINGS_MODULE": "soundscape_site.settings.test",
            "PYTHONPATH": str(BASE_DIR),
        },
    )  # fmt: skip
    engine = "soundscape_site.web.postgres"
    assert answer.stdout.split() == [engine, "5s", "LockNotAvailable"], answer.stderr


def test_local_settings_allow_further_hosts(tmp_path):
    show = ("-c", "from django.conf import settings; print(settings.ALLOWED_HOSTS)")
    given = {
        "DJANGO_SETTINGS_MODULE": "soundscape_site.settings.local",
        "DJANGO_ALLOWED_HOSTS": "192.0.2.7,laptop.local",
    }
    shown = django("shell", "-v0", *show, var=tmp_path, **given).stdout.strip()
    assert shown == "['localhost', '127.0.0.1', '[::1]', '192.0.2.7', 'laptop.local']"


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("DJANGO_SECRET_KEY", "canary", "DJANGO_SECRET_KEY has 6 characters"),
        ("DJANGO_SECRET_KEY", "canary" * 9, "has 5 different characters; at least 8"),
        ("DJANGO_SECRET_KEY", "django-insecure-canary" * 4, "made for development"),
        ("DJANGO_SECRET_KEY_FALLBACKS", "canary", "DJANGO_SECRET_KEY_FALLBACKS has 6 characters"),
        ("DJANGO_ALLOWED_HOSTS", "*", "must list the site's host names"),
        ("DJANGO_ALLOWED_HOSTS", "sound.example,.sound.example", "no dot at its beginning"),
        ("DJANGO_BEHIND_TLS_PROXY", "no", "DJANGO_BEHIND_TLS_PROXY is not on"),
        ("DATABASE_URL", "mysql://app:canary@db/sound", "scheme 'mysql'"),
        ("REDIS_URL", "http://:canary@redis", "REDIS_URL begins with none of redis://"),
        ("SOUNDSCAPE_MINIMUM_LISTEN_S", "0", "SOUNDSCAPE_MINIMUM_LISTEN_S=0 would let reviewers"),
        ("SOUNDSCAPE_PROXIES", "0", "SOUNDSCAPE_PROXIES must name the TLS proxy"),
        ("SOUNDSCAPE_PROXIES", "proxy", "SOUNDSCAPE_PROXIES: 'proxy' is neither"),
        ("SOUNDSCAPE_EMAIL_URL", "console:", "would write links that log in to the log"),
        ("SOUNDSCAPE_EMAIL_URL", "smtp://me:canary@mail.example", "its password unencrypted"),
        ("SOUNDSCAPE_EMAIL_FROM", "Soundscape", "SOUNDSCAPE_EMAIL_FROM='Soundscape' is no e-mail"),
    ],
)
def test_production_refuses_unsafe_values(tmp_path, name, value, complaint):
    result = django("check", var=tmp_path, **PRODUCTION | {name: value})
    assert result.returncode != 0
    assert complaint in result.stderr
    assert "canary" not in result.stderr.splitlines()[-1]


def test_production_sends_e_mail_by_the_given_server(tmp_path):
    names = ("HOST", "PORT", "HOST_USER", "HOST_PASSWORD", "USE_TLS", "USE_SSL")
    show = (
        "from django.conf import settings\n"
        f"print([getattr(settings, 'EMAIL_' + name) for name in {names}])\n"
        "print(settings.EMAIL_BACKEND)\n"
        "print(settings.EMAIL_TIMEOUT, settings.DEFAULT_FROM_EMAIL, settings.SERVER_EMAIL)"
    )
    shown = django("shell", "-v0", "-c", show, var=tmp_path, **PRODUCTION).stdout
    sender = PRODUCTION["SOUNDSCAPE_EMAIL_FROM"]
    assert shown.splitlines() == [
        "['mail.example', 587, 'me', 'canary', True, False]",
        "soundscape_site.web.mail.SmtpBackend",
        f"5 {sender} {sender}",
    ]


def test_local_settings_print_e_mail(tmp_path):
    send = "from django.core.mail import send_mail\nsend_mail('Hello', 'A link.', None, ['a@b.c'])"
    local = {"DJANGO_SETTINGS_MODULE": "soundscape_site.settings.local"}
    shown = django("shell", "-v0", "-c", send, var=tmp_path, **local).stdout
    assert "From: Soundscape <noreply@localhost>" in shown
    assert "A link." in shown


def test_local_settings_create_a_secret_key_and_keep_it(tmp_path):
    show = ("-c", "from django.conf import settings; print(settings.SECRET_KEY)")
    environment = {"DJANGO_SETTINGS_MODULE": "soundscape_site.settings.local"}
    keys = [django("shell", "-v0", *show, var=tmp_path, **environment).stdout for _ in range(2)]
    assert keys[0] == keys[1]
    assert len(keys[0].strip()) >= 50
    assert (tmp_path / "secret-key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("module", ["local", "production"])
def test_no_debug_anywhere(tmp_path, module):
    show = ("-c", "from django.conf import settings; print(settings.DEBUG)")
    environment = PRODUCTION | {
        "DJANGO_SETTINGS_MODULE": f"soundscape_site.settings.{module}",
        "DEBUG": "1",
        "DJANGO_DEBUG": "1",
    }
    assert django("shell", "-v0", *show, var=tmp_path, **environment).stdout.strip() == "False"


@pytest.mark.parametrize(
    ("environment", "shown"),
    [(PRODUCTION, "True False"), ({}, "False True")],
    ids=["prod", "local"],
)
def test_production_requires_second_factors_and_https_for_passkeys(tmp_path, environment, shown):
    show = (
        "from allauth.mfa import app_settings as mfa; from django.conf import settings; "
        "print(settings.SOUNDSCAPE_SECOND_FACTOR_REQUIRED, mfa.WEBAUTHN_ALLOW_INSECURE_ORIGIN)"
    )
    local = {"DJANGO_SETTINGS_MODULE": "soundscape_site.settings.local"}
    done = django("shell", "-v0", "-c", show, var=tmp_path, **local | environment)
    assert done.stdout.strip() == shown, done.stderr


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        (
            "SOUNDSCAPE_MATCHER",
            "bogus",
            "SOUNDSCAPE_MATCHER='bogus' is none of fused",
        ),
        ("REDIS_URL", "foo://x", "REDIS_URL begins with none of redis://"),
        ("DATABASE_URL", "postgres://u:secret@h:abc/x", "DATABASE_URL is no URL with a valid port"),
    ],
)
def test_a_wrong_setting_is_one_line_of_every_command(tmp_path, name, value, complaint):
    result = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=BASE_DIR, capture_output=True, text=True,
        env=os.environ | {"SOUNDSCAPE_VAR_DIR": str(tmp_path), name: value},
    )  # fmt: skip
    assert result.returncode == 1
    assert result.stderr.startswith(complaint)
    assert result.stderr.count("\n") == 1
    assert "secret" not in result.stderr


def test_the_matchers_that_can_be_set_are_those_that_there_are():
    assert set(engine.MATCHERS) == set(recipes.MATCHERS)


@pytest.mark.parametrize("options", [[], ["-E", "-Xutf8=0"]], ids=["", "without environment"])
def test_a_command_works_in_any_locale(options):
    show = "import os; print('日本', os.environ['PYTHONUTF8'])"
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    test = {"DJANGO_SETTINGS_MODULE": "soundscape_site.settings.test"}
    result = subprocess.run(
        [sys.executable, *options, "manage.py", "shell", "-v0", "-c", show], cwd=BASE_DIR,
        capture_output=True, env=os.environ | plain | test, timeout=60,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stdout == "日本 1\n".encode()
