"""Send every photo of the corpus of bad inputs, and damaged forms, to the API."""

from __future__ import annotations

import pytest

from retrieval.decoding import web_pool
from retrieval.models import Scene
from retrieval.tests.api.programs import SCENES, in_base64, scene_of
from retrieval.tests.api.test_sending import refusal
from retrieval.tests.bad_inputs import photos
from retrieval.tests.bad_inputs.cases import ACCEPTED
from retrieval.views.problems import problem

pytestmark = pytest.mark.django_db

BOUNDARY = "b0undary"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


@pytest.fixture(scope="module")
def photo_pool():
    yield web_pool.photo_pool()
    web_pool.close_photo_pool()


def part(content, *, name="photo", file_name="photo.jpg"):
    disposition = f'form-data; name="{name}"' + (f'; filename="{file_name}"' if file_name else "")
    head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n"
    return head.encode() + content + b"\r\n"


def body(*parts):
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


GOOD = part(photos.jpeg())


@pytest.mark.parametrize("case", photos.CASES, ids=str)
def test_photo(ada, site, case):
    answer = ada.post(SCENES, {"photo": in_base64(case.make())})
    if answer.status_code == 202:
        assert ACCEPTED in case.codes
        content = b"".join(ada.get(f"{answer['Location']}/photo").streaming_content)
        for secret in (photos.SCRIPT, photos.SQL, photos.SECRET_PLACE.encode()):
            assert secret not in content
            assert secret not in answer.content
        return
    status, code = refusal(answer)
    assert code in case.codes
    assert status == problem(code, "").status
    assert answer.json()["request_id"] == answer["X-Request-ID"]
    assert not Scene.objects.exists()


@pytest.mark.parametrize("name", photos.FILE_NAMES, ids=ascii)
def test_29_file_names_are_ignored(ada, site, name):
    for character in '"\r\n':  # as browsers do
        name = name.replace(character, f"%{ord(character):02X}")
    answer = ada.send_bytes(SCENES, body(part(photos.jpeg(), file_name=name)), FORM)
    assert answer.status_code == 202
    assert scene_of(answer).title == ""
    assert "X-Injected" not in answer.headers


@pytest.mark.parametrize(
    ("content", "content_type", "expected"),
    [
        (body(GOOD), "multipart/form-data", (400, "malformed_multipart")),
        (body(GOOD), "multipart/form-data; boundary=", (400, "malformed_multipart")),
        (body(GOOD), "multipart/form-data; boundary=é", (400, "malformed_multipart")),
        (body(GOOD), "multipart/form-data; boundary=another", (400, "file_missing")),
        (body(GOOD), f"{FORM}; charset=hex", (415, "unsupported_charset")),
        (body(GOOD), f"{FORM}; charset=idna", (415, "unsupported_charset")),
        (body(GOOD), "application/x-www-form-urlencoded", (415, "unsupported_media_type")),
        (photos.jpeg(), "image/jpeg", (415, "unsupported_media_type")),
        (body(GOOD)[:-600], FORM, (400, "file_missing")),
        (
            body(GOOD, *[part(b"x", name=f"n{n}", file_name="") for n in range(1_001)]),
            FORM,
            (400, "too_many_fields"),
        ),
        (body(*[GOOD] * 101), FORM, (400, "too_many_files")),
        (
            body(GOOD, part(bytes(3_000_000), name="words", file_name="")),
            FORM,
            (413, "fields_too_large"),
        ),
    ],
    ids=range(12),
)
def test_damaged_forms(ada, site, content, content_type, expected):
    assert refusal(ada.send_bytes(SCENES, content, content_type)) == expected
    assert not Scene.objects.exists()


def test_34_the_same_photo_twice(ada, site):
    answers = [ada.post(SCENES, {"photo": in_base64(photos.jpeg())}) for _ in range(2)]
    first, second = map(scene_of, answers)
    assert first.pk != second.pk
    assert first.photo.name == second.photo.name
