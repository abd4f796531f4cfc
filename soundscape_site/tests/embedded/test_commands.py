import pytest

from soundscape_site.embedded.commands import services_for
from soundscape_site.embedded.status import Service

BOTH = frozenset(Service)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["help"],
        ["help", "migrate"],
        ["--help"],
        ["--version"],
        ["version"],
        ["migrate", "--help"],
        ["match", "-h"],
        ["check"],
        ["check", "--deploy"],
        ["fetch_models"],
        ["make_starter_library", "folder"],
        ["collectstatic", "--noinput"],
    ],
)
def test_commands_that_need_no_service(arguments):
    assert services_for(["manage.py", *arguments], {}) == frozenset()


@pytest.mark.parametrize(
    "arguments",
    [["migrate"], ["match", "photo.jpg"], ["check", "--database", "default"], ["unheard_of"]],
)
def test_every_other_command_gets_both(arguments):
    assert services_for(["manage.py", *arguments], {}) == BOTH


@pytest.mark.parametrize(
    ("environ", "embedded"),
    [
        ({"DATABASE_URL": "postgres://db/x"}, {Service.REDIS}),
        ({"REDIS_URL": "redis://cache"}, {Service.POSTGRES}),
        ({"DATABASE_URL": "postgres://db/x", "REDIS_URL": "redis://cache"}, set()),
        ({"DATABASE_URL": "", "REDIS_URL": ""}, {Service.POSTGRES, Service.REDIS}),
    ],
)
def test_a_configured_server_replaces_the_embedded_one(environ, embedded):
    assert services_for(["manage.py", "migrate"], environ) == embedded
