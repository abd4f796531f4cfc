"""The token of the first operator, as `serve` and `first_operator` print it."""

from __future__ import annotations

import io
import re

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.test import Client

from accounts.models import Invitation, User
from soundscape_site.management.commands import serve
from soundscape_site.supervising.bind_address import BindAddress

pytestmark = pytest.mark.django_db
ADDRESS = re.compile(r"https?://[^/\s]+(/invitations/[\w-]{32}/)")


@pytest.fixture(autouse=True)
def _open_connection(monkeypatch):
    monkeypatch.setattr(connection, "close", lambda: None)  # the test's transaction goes on


def printed(*arguments):
    out = io.StringIO()
    call_command("first_operator", *arguments, stdout=out)
    return out.getvalue()


def served():
    command = serve.Command(stdout=io.StringIO())
    command._offer_operator(BindAddress("127.0.0.1", 8123))
    command.stdout.seek(0)
    return command.stdout.read()


def works(line):
    address = ADDRESS.search(line)
    assert address
    return Client().get(address[1], follow=True).status_code


def make_operator():
    User.objects.create_user("ada", is_staff=True, is_superuser=True)


def test_serve_prints_an_address_that_works():
    line = served()
    assert line.startswith(
        "No operator yet. To become one, open http://127.0.0.1:8123/invitations/"
    )
    assert line.endswith("/\n")
    assert works(line) == 200


def test_each_start_replaces_the_token():
    first, second = served(), served()
    assert works(first) == 410
    assert works(second) == 200
    assert works(printed()) == 200
    assert works(second) == 410


def test_serve_prints_nothing_once_an_operator_exists():
    make_operator()
    assert served() == ""
    assert not Invitation.objects.exists()


def test_serve_goes_on_without_its_database(monkeypatch):
    def down():
        raise OperationalError("terminating connection")

    monkeypatch.setattr(serve, "invite_first_operator", down)
    assert served() == "The database does not answer: no token for a first operator.\n"


@pytest.mark.parametrize(
    ("hosts", "tls", "arguments", "start"),
    [
        (["sound.example", "other.example"], True, (), "https://sound.example/invitations/"),
        ([".sound.example"], True, (), "https://sound.example/invitations/"),
        (["localhost"], False, (), "http://localhost:8000/invitations/"),
        ([], False, ("--site", "https://a.example/"), "https://a.example/invitations/"),
    ],
)
def test_the_command_prints_the_whole_address(settings, hosts, tls, arguments, start):
    settings.ALLOWED_HOSTS, settings.SECURE_SSL_REDIRECT = hosts, tls
    assert printed(*arguments).startswith(start)


def test_the_command_refuses_once_an_operator_exists():
    make_operator()
    with pytest.raises(CommandError, match="has an operator already, who invites others"):
        printed()
