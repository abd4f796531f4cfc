"""Bodies are read strictly, and each refusal has its code."""

from __future__ import annotations

import io
import json
import time
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.exceptions import ParseError

from accounts.api.parsing import StrictJSONParser
from accounts.tests.api.conftest import assert_problem

pytestmark = [pytest.mark.django_db, pytest.mark.urls("accounts.tests.api.routes")]

ADDRESS = "/api/v1/things"
JSON = "application/json"
BOUNDARY = "multipart/form-data; boundary=B"


def send(program, body, content_type=JSON, address=ADDRESS, **extra):
    return program.post(address, body, content_type=content_type, **extra)


def test_a_good_body(program):
    body = {"name": "Zürich 🌧", "size": 1e308, "parts": [{"weight": 2, "word": "good"}]}
    answer = send(program, json.dumps(body))
    assert answer.status_code == 201
    assert answer.json() == body


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"name": "a",}',
        b"nonsense",
        b'{"name": "a", "name": "b"}',
        b'{"parts": [{"weight": 1, "weight": 1}]}',
        b'{"size": NaN}',
        b'{"size": Infinity}',
        b'{"size": -Infinity}',
        b'{"size": 1e999}',
        b'{"size": -1e999}',
        b'{"size": ' + b"9" * 309 + b"}",
        b'{"size": ' + b"9" * 5000 + b"}",
        b'{"name": "\xff"}',
        b'{"name": "\xed\xa0\x80"}',
        b'\xef\xbb\xbf{"name": "a"}',
        '{"name": "a"}'.encode("utf-16"),
        b'{"name": "a\nb"}',
        b"[" * 10_000,
        b"[" * 10_000 + b"]" * 10_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    ],
)
def test_malformed_json(program, body):
    content = assert_problem(send(program, body), 400, "malformed_json")
    assert "Traceback" not in content["detail"]


@pytest.mark.parametrize(
    "body",
    [
        rb'{"name": "\u0000"}',
        rb'{"name": "\ud800"}',
        rb'{"name": "\udc00\ud800"}',
        rb'{"\ud800": 1}',
        rb'{"parts": [{"weight": 1, "word": "\uDFFF"}]}',
        rb'["\u0000"]',
    ],
)
def test_characters_that_cannot_be_stored(program, body):
    assert_problem(send(program, body), 400, "invalid_characters")


@pytest.mark.parametrize(
    ("body", "name"),
    [(rb'{"name": "\ud83c\udf27"}', "🌧"), (rb'{"name": "\\u0000"}', "\\u0000")],
)
def test_characters_that_only_look_so(program, body, name):
    assert send(program, body).json() == {"name": name}


@pytest.mark.parametrize("body", [b"[]", b"3", b'"a"', b"null", b"true"])
def test_something_else_than_an_object(program, body):
    assert_problem(send(program, body), 400, "null" if body == b"null" else "invalid")


def test_unknown_fields(program):
    content = assert_problem(send(program, '{"owner": 1, "status": 2}'), 400, "unknown_field")
    assert [one["field"] for one in content["errors"]] == ["owner", "status"]


def test_the_paths_of_faulty_fields(program):
    body = {
        "name": "x" * 21,
        "parts": [{"weight": 1}, {"weight": 11}, {"word": "GOOD ", "extra": 1}, 4],
        "tags": ["abc", "abcd"],
        "message": "m",
        "code": "c",
    }
    content = assert_problem(send(program, json.dumps(body)), 400, "invalid")
    found = {one["field"]: one["code"] for one in content["errors"]}
    assert found == {
        "name": "max_length",
        "parts.1.weight": "max_value",
        "parts.2.extra": "unknown_field",
        "parts.3": "invalid",
        "tags.1": "max_length",
        "message": "invalid",
        "code": "invalid",
    }
    assert all(one["detail"] for one in content["errors"])


@pytest.mark.parametrize("word", ['"great"', "null", "1", '"GOOD "', '"Good"'])
def test_a_word_that_is_no_choice(program, word):
    answer = send(program, f'{{"parts": [{{"weight": 1, "word": {word}}}]}}')
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["field"] == "parts.0.word"
    assert error["code"] == ("null" if word == "null" else "invalid_choice")


@pytest.mark.parametrize("number", ["nan", "inf", "-Infinity", "1e999", "9" * 400])
def test_numbers_of_forms_and_addresses_are_finite(program, number):
    form = send(
        program, f"size={number}", "application/x-www-form-urlencoded", "/api/v1/urlencoded"
    )
    assert_problem(form, 400, "invalid")
    assert_problem(program.get(ADDRESS, {"size": number}), 400, "invalid")


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/xml", "application/x-www-form-urlencoded", BOUNDARY, "nonsense"],
)
def test_media_types(program, content_type):
    assert_problem(send(program, b"{}", content_type), 415, "unsupported_media_type")


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "gzip, identity"])
def test_compressed_bodies(program, encoding):
    answer = send(program, b"{}", headers={"Content-Encoding": encoding})
    assert_problem(answer, 415, "unsupported_encoding")


def test_the_size_of_bodies(program):
    fitting = b'{"name": "a"}'.ljust(100_000)
    assert send(program, fitting).status_code == 201
    assert_problem(send(program, fitting + b" "), 413, "body_too_large")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=", b"x"),
    ],
)
def test_damaged_forms(program, content_type, body):
    answer = send(program, body, content_type, "/api/v1/forms")
    assert_problem(answer, 400, "malformed_multipart")


def test_forms(program):
    photo = SimpleUploadedFile("a.txt", b"text")
    answer = program.post("/api/v1/forms", {"name": "x", "photo": photo})
    assert answer.json() == {"name": "x", "photo": "a.txt"}


@pytest.mark.parametrize(
    ("fields", "files", "status", "code"),
    [
        (1001, 0, 400, "too_many_fields"),
        (0, 101, 400, "too_many_files"),
    ],
)
def test_forms_of_too_many_parts(program, fields, files, status, code):
    parts: dict[str, Any] = {f"f{number}": "1" for number in range(fields)}
    parts |= {f"p{number}": SimpleUploadedFile("a", b"1") for number in range(files)}
    assert_problem(program.post("/api/v1/forms", parts), status, code)


def test_forms_of_too_much_text(program, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    assert_problem(program.post("/api/v1/forms", {"a": "x" * 2000}), 413, "fields_too_large")


def test_types_count_however_the_media_type_is_written(program):
    body = json.dumps({"name": 5})
    assert_problem(send(program, body, "Application/JSON; charset=UTF-8"), 400, "invalid")


@pytest.mark.parametrize("value", ["[]", "{}", "0"])
def test_json_of_very_many_values(program, value):
    body = f'{{"parts": [{",".join([value] * 20_001)}]}}'
    assert len(body) < 1_000_000
    assert_problem(send(program, body), 413, "body_too_large")


def test_a_name_that_is_repeated_after_many_others():
    """If the time grew with the square of their number, this body would take six seconds."""
    names = [f'"a{number}": 0' for number in range(19_900)]
    body = f'{{{", ".join(names)}, "twice": 0, "twice": 0}}'
    began = time.process_time()
    with pytest.raises(ParseError, match="'twice' occurs twice"):
        StrictJSONParser().parse(io.BytesIO(body.encode()))
    assert time.process_time() - began < 2


def test_very_many_errors(program):
    content = assert_problem(
        send(program, json.dumps({f"x{number}": 0 for number in range(1000)})), 400, "unknown_field"
    )
    assert len(content["errors"]) == 100
