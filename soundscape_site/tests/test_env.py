from __future__ import annotations

from ipaddress import ip_network

import pytest
from django.core.exceptions import ImproperlyConfigured

from soundscape_site.settings import env

NAME = "SOUNDSCAPE_TEST_VARIABLE"


@pytest.fixture
def variable(monkeypatch):
    monkeypatch.delenv(NAME, raising=False)
    return lambda value: monkeypatch.setenv(NAME, value)


def test_a_required_variable_that_is_missing_is_named(variable):
    with pytest.raises(ImproperlyConfigured, match=f"{NAME} is required"):
        env.text(NAME)
    variable("   ")
    with pytest.raises(ImproperlyConfigured, match=NAME):
        env.text(NAME)


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("Yes", True), ("off", False)])
def test_flags(variable, value, expected):
    variable(value)
    assert env.flag(NAME, default=not expected) is expected


def test_an_invalid_flag_is_refused(variable):
    assert env.flag(NAME, default=True) is True
    variable("maybe")
    with pytest.raises(ImproperlyConfigured, match="'maybe' is neither"):
        env.flag(NAME, default=True)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("two", "'two' is not a whole number"),
        ("1.5", "'1.5' is not a whole number"),
        ("0", "below its minimum, 1"),
    ],
)
def test_numbers_out_of_range_are_refused(variable, value, complaint):
    variable(value)
    with pytest.raises(ImproperlyConfigured, match=complaint):
        env.integer(NAME, 5, minimum=1)


def test_numbers_lists_and_paths(variable, tmp_path):
    assert env.integer(NAME, 5) == 5
    assert env.names(NAME) == []
    assert env.path(NAME, tmp_path) == tmp_path
    variable("12")
    assert env.integer(NAME, 5) == 12
    variable("a, b ,,c")
    assert env.names(NAME) == ["a", "b", "c"]
    variable("~/x")
    assert env.path(NAME, tmp_path).is_absolute()


def database(monkeypatch, url):
    monkeypatch.setenv("DATABASE_X", url)
    return env.database("DATABASE_X")


def test_a_database_url_is_translated(monkeypatch):
    url = "postgres://me:p%40ss@db.example:5433/sound?sslmode=require"
    settings = database(monkeypatch, url)
    assert settings["NAME"] == "sound"
    assert (settings["USER"], settings["PASSWORD"]) == ("me", "p@ss")
    assert (settings["HOST"], settings["PORT"]) == ("db.example", "5433")
    assert settings["OPTIONS"] == {"sslmode": "require"}


def test_a_database_url_may_name_a_socket(monkeypatch):
    settings = database(monkeypatch, "postgresql://me@%2Frun%2Fpg/sound")
    assert str(settings["HOST"]).lower() == "/run/pg"


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("mysql://u:secret@h/d", "scheme 'mysql'"),
        ("postgres://u:secret@h/", "names no database"),
        ("postgres://u:secret/more@h/d", "no URL with a valid port"),
        ("postgres://u:secret@h:port/d", "no URL with a valid port"),
    ],
)
def test_a_bad_database_url_is_refused_without_its_password(monkeypatch, url, complaint):
    with pytest.raises(ImproperlyConfigured, match=f"DATABASE_X .*{complaint}") as caught:
        database(monkeypatch, url)
    assert "secret" not in str(caught.value)


def test_integers_have_as_many_items_as_their_default(monkeypatch):
    assert env.integers("LIMITS", (1, 2)) == (1, 2)
    monkeypatch.setenv("LIMITS", " 30, 0")
    assert env.integers("LIMITS", (1, 2)) == (30, 0)


@pytest.mark.parametrize("value", ["1", "1,2,3", "1,-2", "1,two", "1,2.5"])
def test_invalid_integers_are_refused(monkeypatch, value):
    monkeypatch.setenv("LIMITS", value)
    with pytest.raises(ImproperlyConfigured, match=r"LIMITS='.*' is not 2 whole numbers"):
        env.integers("LIMITS", (1, 2))


def test_a_choice_is_one_of_its_values_and_the_first_by_default(monkeypatch):
    monkeypatch.delenv("SOUNDSCAPE_X", raising=False)
    assert env.choice("SOUNDSCAPE_X", ("auto", "mobilenet")) == "auto"
    monkeypatch.setenv("SOUNDSCAPE_X", " mobilenet ")
    assert env.choice("SOUNDSCAPE_X", ("auto", "mobilenet")) == "mobilenet"
    monkeypatch.setenv("SOUNDSCAPE_X", "resnet")
    with pytest.raises(ImproperlyConfigured, match="SOUNDSCAPE_X='resnet' is none of auto, mobil"):
        env.choice("SOUNDSCAPE_X", ("auto", "mobilenet"))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", 0),
        ("2", 2),
        ("10.0.0.0/8, 192.0.2.7", (ip_network("10.0.0.0/8"), ip_network("192.0.2.7/32"))),
        ("2001:db8::/48", (ip_network("2001:db8::/48"),)),
    ],
)
def test_proxies_are_a_number_or_networks(variable, value, expected):
    variable(value)
    assert env.proxies(NAME) == expected


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("-1", "'-1' is below its minimum, 0"),
        ("two", "'two' is neither a number of proxies nor an address or network"),
        ("1,10.0.0.0/8", "'1' is neither"),
        ("10.0.0.0/33", "'10.0.0.0/33' is neither"),
        ("10.0.0.1/8", "'10.0.0.1/8' .* has host bits set"),
        ("0.0.0.0/0", "'0.0.0.0/0' would trust every address"),
        ("192.0.2.7,::/0", "'::/0' would trust every address"),
        ("::ffff:10.0.0.0/104", "write '::ffff:10.0.0.0/104' as an IPv4 network"),
    ],
)
def test_wrong_proxies_are_refused(variable, value, complaint):
    variable(value)
    with pytest.raises(ImproperlyConfigured, match=f"{NAME}.*{complaint}"):
        env.proxies(NAME)


@pytest.mark.parametrize(
    "url",
    ["redis://:secret@redis:6379/0", "rediss://redis", "unix:///run/redis.sock?db=2"],
)
def test_a_redis_url_is_kept(variable, url):
    assert env.redis_url(NAME, "redis://default") == "redis://default"
    variable(url)
    assert env.redis_url(NAME, "redis://default") == url


@pytest.mark.parametrize("url", ["redis", "http://:secret@h", "redis://:secret/@h:1", "secret@h:1"])
def test_a_wrong_redis_url_is_refused_without_its_password(variable, url):
    variable(url)
    with pytest.raises(ImproperlyConfigured, match=NAME) as caught:
        env.redis_url(NAME, "redis://default")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "uri", ["http://milvus:19530", "https://in03.example:443", "/data/rows.db"]
)
def test_where_milvus_is_is_kept(variable, uri):
    variable(uri)
    assert env.milvus_uri(NAME, required=False) == uri


def test_where_milvus_is_may_be_required(variable):
    assert env.milvus_uri(NAME, required=False) == ""
    with pytest.raises(ImproperlyConfigured, match=f"{NAME} is required"):
        env.milvus_uri(NAME, required=True)


@pytest.mark.parametrize(
    "uri", ["milvus:19530", "/data/rows", "http://me:secret@milvus", "http://h:x"]
)
def test_a_place_that_is_no_milvus_is_refused(variable, uri):
    variable(uri)
    with pytest.raises(ImproperlyConfigured, match=NAME) as caught:
        env.milvus_uri(NAME, required=True)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "port", "starttls", "implicit_tls"),
    [
        ("smtp://relay", 25, False, False),
        ("smtp://relay:2525", 2525, False, False),
        ("smtp://me:p%40ss%2F@relay?tls=starttls", 587, True, False),
        ("smtp://me:p%40ss%2F@relay:4650?tls=implicit", 4650, False, True),
        ("smtp://me:p%40ss%2F@relay/?tls=implicit", 465, False, True),
    ],
)
def test_a_mail_servers_url_is_translated(variable, url, port, starttls, implicit_tls):
    variable(url)
    server = env.mail_server(NAME, "console:")
    assert (server.host, server.port) == ("relay", port)
    assert (server.starttls, server.implicit_tls) == (starttls, implicit_tls)
    assert (server.user, server.password) == (("me", "p@ss/") if "@" in url else ("", ""))


def test_mail_may_be_printed(variable):
    assert env.mail_server(NAME, "console:").backend.endswith("console.EmailBackend")


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("http://me:canary@relay", "neither smtp://host nor console:"),
        ("me:canary@relay:587", "neither smtp://host nor console:"),
        ("smtp://", "neither smtp://host nor console:"),
        ("smtp://me:can/ary@relay", "no URL with a valid port"),
        ("smtp://me:canary#@relay", "no URL with a valid port"),
        ("smtp://me:canary@relay/folder", "neither smtp://host nor console:"),
        ("smtp://me:canary@relay:port?tls=starttls", "no URL with a valid port"),
        ("smtp://me:[canary@relay?tls=starttls", "no URL with a valid port"),
        ("smtp://me:canary@relay?tls=maybe", "only tls=starttls or tls=implicit"),
        ("smtp://me:canary@relay?tsl=starttls", "only tls=starttls or tls=implicit"),
        ("smtp://me@relay?tls=starttls", "only one of user and password"),
        ("smtp://:canary@relay?tls=starttls", "only one of user and password"),
        ("smtp://me:canary@relay", "would send its password unencrypted"),
    ],
)
def test_a_wrong_mail_server_is_refused_without_its_password(variable, url, complaint):
    variable(url)
    with pytest.raises(ImproperlyConfigured, match=f"{NAME}.*{complaint}") as caught:
        env.mail_server(NAME, "console:")
    assert "can" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("value", ["a@sound.example", "Soundscape <a@sound.example>"])
def test_a_sender_is_an_address_with_or_without_a_name(variable, value):
    assert env.mailbox(NAME, "b@localhost") == "b@localhost"
    variable(value)
    assert env.mailbox(NAME, "b@localhost") == value


@pytest.mark.parametrize("value", ["Soundscape", "a@", "Soundscape a@sound.example>"])
def test_a_sender_without_an_address_is_refused(variable, value):
    variable(value)
    with pytest.raises(ImproperlyConfigured, match=f"{NAME}={value!r} is no e-mail address"):
        env.mailbox(NAME, "b@localhost")


@pytest.mark.parametrize("value", ["sound.example", "sound.example,192.0.2.7, [::1]"])
def test_complete_host_names(variable, value):
    variable(value)
    assert env.hosts(NAME) == [name.strip() for name in value.split(",")]


@pytest.mark.parametrize(
    "value", ["", "*", "a,*", ".example", "*.example", "https://a", "a:80", "a/b", "a b"]
)
def test_incomplete_host_names_are_refused(variable, value):
    variable(value)
    with pytest.raises(ImproperlyConfigured, match=f"{NAME}=.* must list the site's host names"):
        env.hosts(NAME)
