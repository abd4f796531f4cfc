"""Send every photo and request of the corpus of bad inputs to the site."""

from __future__ import annotations

import re
import zipfile
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import OperationalError, close_old_connections, connection
from django.test import Client, RequestFactory
from django.utils.html import strip_tags
from PIL import Image

from retrieval.decoding import web_pool
from retrieval.decoding.configured_limits import decoding_limits
from retrieval.decoding.pool import DecodingPool
from retrieval.models import Scene
from retrieval.services import uploads
from retrieval.tests.bad_inputs import photos
from retrieval.tests.bad_inputs.cases import ACCEPTED
from retrieval.tests.engine.toy_photos import gradient
from retrieval.tests.factories import small_matchers
from retrieval.views.problems import problem

pytestmark = pytest.mark.django_db

TURNS = Image.Transpose
UPRIGHT = {
    1: lambda photo: photo,
    2: lambda photo: photo.transpose(TURNS.FLIP_LEFT_RIGHT),
    3: lambda photo: photo.rotate(180),
    4: lambda photo: photo.transpose(TURNS.FLIP_TOP_BOTTOM),
    5: lambda photo: photo.transpose(TURNS.FLIP_TOP_BOTTOM).rotate(-90, expand=True),
    6: lambda photo: photo.rotate(-90, expand=True),
    7: lambda photo: photo.transpose(TURNS.FLIP_TOP_BOTTOM).rotate(90, expand=True),
    8: lambda photo: photo.rotate(90, expand=True),
}
BOUNDARY = "b0undary"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


@pytest.fixture(scope="module", autouse=True)
def children():
    """Start the decoding processes; no photo of the corpus may kill one."""
    pool = web_pool.photo_pool()
    pool.decode_photo(photos.jpeg())
    before = pool.child_pids
    yield
    after = pool.child_pids
    web_pool.close_photo_pool()
    assert after == before


@pytest.fixture
def site(settings, monkeypatch, media_root, make_clip, tmp_path):
    settings.SOUNDSCAPE_MATCHER = "dummy"
    settings.SOUNDSCAPE_SAMPLE_PHOTOS = tmp_path / "samples"
    monkeypatch.setattr(uploads, "matcher_in_force", lambda _name: small_matchers()["paper"])
    make_clip(np.full(7, 1 / 7))
    return Client()


def send(site, content, name="photo.jpg"):
    return site.post("/scenes/", {"photo": SimpleUploadedFile(name, content)})


def code_of(answer):
    return ACCEPTED if answer.status_code == 303 else answer.context["upload_error"].code


def assert_refused(answer, code, status):
    assert (code_of(answer), answer.status_code) == (code, status)
    refusal = answer.context["upload_error"]
    page = answer.content.decode()
    assert refusal.title in page
    assert code not in strip_tags(page)  # codes are for programs
    assert answer["X-Request-ID"]
    assert not Scene.objects.exists()


def served_photo(site):
    """Return the photo and the page of the only scene, as any visitor gets them."""
    scene = Scene.objects.get()
    answer = site.get(f"/scenes/{scene.pk}/photo")
    assert answer["Content-Type"] == "image/jpeg"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"].startswith("sandbox")
    page = site.get(f"/scenes/{scene.pk}/").content
    return b"".join(answer.streaming_content), page


def assert_nothing_but_pixels(content):
    with Image.open(BytesIO(content)) as shown:
        shown.load()
        assert shown.format == "JPEG"
        assert not shown.getexif()
        assert not {"comment", "xmp", "icc_profile"} & shown.info.keys()
    assert not zipfile.is_zipfile(BytesIO(content))
    assert content.endswith(b"\xff\xd9")
    for secret in (photos.SCRIPT, photos.SQL, photos.SECRET_PLACE.encode(), b"serial-4711"):
        assert secret not in content


@pytest.mark.parametrize("case", photos.CASES, ids=str)
def test_photo(site, media_root, case):
    answer = send(site, case.make(), case.name)
    code = code_of(answer)
    assert code in case.codes
    if code != ACCEPTED:
        assert_refused(answer, code, problem(code, "").status)
        assert not media_root.exists()
        return
    content, page = served_photo(site)
    assert_nothing_but_pixels(content)
    assert photos.SCRIPT not in page
    assert photos.SQL not in page


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(site, orientation):
    send(site, photos.oriented(orientation))
    content, _ = served_photo(site)
    shown = Image.open(BytesIO(content))
    upright = UPRIGHT[orientation](gradient())
    assert shown.size == upright.size
    difference = np.asarray(shown, int) - np.asarray(upright, int)
    assert np.abs(difference).mean() < 4


def test_photo_that_takes_too_long_is_stopped(site, monkeypatch):
    with DecodingPool(processes=1, limits=replace(decoding_limits(), photo_cpu_s=1)) as pool:
        monkeypatch.setattr(web_pool, "_pool", pool)
        assert_refused(send(site, photos.SLOW.make()), "decode_timeout", 422)
        assert send(site, photos.jpeg()).status_code == 303


def test_decoder_page_and_message_have_the_same_limit(site, settings, monkeypatch):
    monkeypatch.setattr(web_pool, "_pool", None)
    settings.SOUNDSCAPE_MAX_PHOTO_PIXELS = 6_000
    page = site.get("/").content.decode()
    answer = send(site, photos.jpeg())
    web_pool.close_photo_pool()
    assert_refused(answer, "image_too_many_pixels", 422)
    assert "up to 0.006 megapixels" in answer.content.decode()
    assert "up to 20&nbsp;MB and 0.006&nbsp;megapixels" in page


# --- requests ----------------------------------------------------------------------------------


def part(content, *, name="photo", file_name="photo.jpg"):
    disposition = f'form-data; name="{name}"' + (f'; filename="{file_name}"' if file_name else "")
    return (
        f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + content + b"\r\n"
    )


def body(*parts):
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def post(site, content, content_type=FORM, **headers):
    return site.generic("POST", "/scenes/", content, content_type, headers=headers)


IN_BASE64 = b"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
GOOD = part(photos.jpeg())


def test_2_no_file_part(site):
    assert_refused(site.post("/scenes/", {"words": "no photo"}), "file_missing", 400)


def test_3_two_files_where_one_is_allowed(site):
    assert_refused(post(site, body(GOOD, GOOD)), "too_many_files", 400)


@pytest.mark.parametrize("name", photos.FILE_NAMES, ids=ascii)
def test_29_file_names_are_ignored(site, media_root, name):
    for character in '"\r\n':  # as browsers do
        name = name.replace(character, f"%{ord(character):02X}")
    answer = post(site, body(part(photos.jpeg(), file_name=name)))
    assert answer.status_code == 303
    scene = Scene.objects.get()
    names = (str(scene.photo.name), str(scene.model_input.name))
    for stored, suffix in zip(names, ("jpg", "views"), strict=True):
        assert re.fullmatch(rf"photos/([0-9a-f]{{2}})/\1[0-9a-f]{{62}}\.{suffix}", stored)
    assert {str(path.relative_to(media_root)) for path in media_root.rglob("*.*")} == set(names)
    assert "X-Injected" not in answer.headers
    assert b"<script>.jpg" not in site.get(f"/scenes/{scene.pk}/").content


@pytest.mark.parametrize(
    ("content", "content_type", "codes"),
    [
        (body(GOOD), "multipart/form-data", {"malformed_multipart"}),
        (body(GOOD), "multipart/form-data; boundary=", {"malformed_multipart"}),
        (body(GOOD), "multipart/form-data; boundary=é", {"malformed_multipart"}),
        (body(GOOD), "multipart/form-data; boundary=another", {"file_missing"}),
        (body(GOOD), "application/x-www-form-urlencoded", {"file_missing"}),
        (body(GOOD), "text/plain", {"file_missing"}),
        (photos.jpeg(), "image/jpeg", {"file_missing"}),
        (b"no form at all", FORM, {"file_missing", "malformed_multipart"}),
        (body(part(b"%%%").replace(b"\r\n\r\n", IN_BASE64, 1)), FORM, {"malformed_multipart"}),
    ],
)  # fmt: skip
def test_30_malformed_forms(site, content, content_type, codes):
    answer = post(site, content, content_type)
    assert code_of(answer) in codes
    assert_refused(answer, code_of(answer), 400)


def test_30_truncated_form(site):
    answer = post(site, body(part(photos.jpeg()))[:-600])
    assert_refused(answer, "file_missing", 400)  # the incomplete photo is ignored


def test_31_too_many_fields_or_files(site):
    fields = [part(b"x", name=f"n{n}", file_name="") for n in range(1_001)]
    assert_refused(post(site, body(GOOD, *fields)), "too_many_fields", 400)
    assert_refused(post(site, body(*[GOOD] * 101)), "too_many_files", 400)


def test_31_a_field_of_three_megabytes(site):
    answer = post(site, body(GOOD, part(bytes(3_000_000), name="words", file_name="")))
    assert_refused(answer, "fields_too_large", 413)


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip"])
def test_32_compressed_requests(site, encoding):
    answer = post(site, body(GOOD), **{"Content-Encoding": encoding})
    assert_refused(answer, "unsupported_encoding", 415)
    assert post(site, body(GOOD), **{"Content-Encoding": "identity"}).status_code == 303


def by_wsgi(content, **environment):
    """Answer a request with the given WSGI environment, valid or not."""
    request = RequestFactory().generic("POST", "/scenes/", content, FORM)
    environ = {**request.environ, "wsgi.input": BytesIO(content), "HTTP_HOST": "testserver"}
    environ |= environment
    environ = {name: value for name, value in environ.items() if value is not None}
    statuses: list[str] = []

    def start_response(status, headers, error=None):
        statuses.append(status)
        return BytesIO().write

    for signal in (request_started, request_finished):  # keep the test's transaction open
        signal.disconnect(close_old_connections)
    try:
        page = WSGIHandler()(environ, start_response)
        page.close()
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)
    return statuses[0]


def test_33_endless_body_is_not_read(site):
    """WSGI treats a body without a length as empty; the server closes the connection."""

    class Endless(BytesIO):
        def read(self, size=-1):
            pytest.fail("it was read")

    status = by_wsgi(
        b"", CONTENT_LENGTH=None, HTTP_TRANSFER_ENCODING="chunked", **{"wsgi.input": Endless()}
    )
    assert status.startswith("403")  # it contains no CSRF token


def test_refusal_works_without_a_database(site, monkeypatch):
    monkeypatch.setattr(connection, "cursor", database_error)
    answer = post(site, body(GOOD), "multipart/form-data")
    assert answer.status_code == 400
    assert problem("malformed_multipart", "").title in answer.content.decode()


def database_error(*arguments):
    raise OperationalError("the server closed the connection unexpectedly")


@pytest.mark.parametrize("length", ["10", "not a number", "-5"])
def test_36_wrong_content_length(site, length):
    assert by_wsgi(body(GOOD), CONTENT_LENGTH=length).startswith("4")


def test_34_same_photo_twice_creates_two_scenes(site):
    """Neither visitor learns of the other; the files are stored once."""
    assert [send(site, photos.jpeg()).status_code for _ in range(2)] == [303, 303]
    first, second = Scene.objects.all()
    assert first.pk != second.pk
    assert first.photo.name == second.photo.name
