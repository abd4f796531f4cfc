from __future__ import annotations

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


def test_a_database_url_is_translated():
    settings = env.database("postgres://me:p%40ss@db.example:5433/sound?sslmode=require")
    assert settings["NAME"] == "sound"
    assert (settings["USER"], settings["PASSWORD"]) == ("me", "p@ss")
    assert (settings["HOST"], settings["PORT"]) == ("db.example", "5433")
    assert settings["OPTIONS"] == {"sslmode": "require"}


def test_a_database_url_may_name_a_socket():
    assert str(env.database("postgresql://me@%2Frun%2Fpg/sound")["HOST"]).lower() == "/run/pg"


@pytest.mark.parametrize(
    ("url", "complaint"),
    [("mysql://u:secret@h/d", "scheme 'mysql'"), ("postgres://u:secret@h/", "names no database")],
)
def test_a_bad_database_url_is_refused_without_its_password(url, complaint):
    with pytest.raises(ImproperlyConfigured, match=complaint) as caught:
        env.database(url)
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
