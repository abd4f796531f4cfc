from __future__ import annotations

from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.http import Http404
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from retrieval.views.ranges import (  # fmt: skip
    ByteRange,
    UnsatisfiableRangeError,
    parse_range,
    stored_file_response,
)

CONTENT = bytes(range(256)) * 1000
SIZE = len(CONTENT)


@pytest.fixture
def stored(media_root):
    return default_storage.save("sounds/x.ogg", ContentFile(CONTENT))


ANSWERS: list[Any] = []


@pytest.fixture(autouse=True)
def close_files():
    """Close the files of all answers, as a server does."""
    yield
    while ANSWERS:
        for close in ANSWERS.pop()._resource_closers:
            close()


def get(stored, method="get", open_end_bytes=None, **headers):
    request = getattr(RequestFactory(), method)("/", headers=headers)
    answer = stored_file_response(
        request,
        stored,
        media_type="audio/ogg",
        etag="abc",
        cache_control="private, max-age=60",
        open_end_bytes=open_end_bytes,
    )
    ANSWERS.append(answer)
    return answer


def body(response):
    return b"".join(response.streaming_content) if response.streaming else response.content


@pytest.mark.parametrize(
    ("header", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-999", 0, 1000),
        ("bytes=500-", 500, SIZE),
        ("bytes=-500", SIZE - 500, SIZE),
        (f"bytes=-{SIZE + 5}", 0, SIZE),
        (f"bytes=0-{SIZE * 9}", 0, SIZE),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE),
        ("bytes= 5 - 6 ", 5, 7),
    ],
)
def test_range_is_answered_with_206(stored, header, start, stop):
    response = get(stored, range=header)
    assert response.status_code == 206
    assert response["Content-Range"] == f"bytes {start}-{stop - 1}/{SIZE}"
    assert response["Content-Length"] == str(stop - start)
    assert body(response) == CONTENT[start:stop]


@pytest.mark.parametrize("header", [f"bytes={SIZE}-", "bytes=999999999-", "bytes=-0"])
def test_range_beyond_the_end_is_416_with_the_size(stored, header):
    response = get(stored, range=header)
    assert response.status_code == 416
    assert response["Content-Range"] == f"bytes */{SIZE}"
    assert response["Cache-Control"] == "no-store"
    assert body(response) == b""


def test_a_failed_precondition_is_not_kept(stored):
    response = get(stored, if_match='"another"')
    assert response.status_code == 412
    assert response["Cache-Control"] == "no-store"
    assert body(response) == b""


@pytest.mark.parametrize(
    "header",
    [None, "", "bytes=5-2", "items=0-1", "bytes=-", "bytes=a-b", "bytes=0-1,5-6", "garbage",
     f"bytes=0-{'9' * 5000}",
     "bytes=" + ",".join(f"{i}-{i}" for i in range(100))],
)  # fmt: skip
def test_other_range_headers_get_the_whole_file(stored, header):
    response = get(stored, **({} if header is None else {"range": header}))
    assert response.status_code == 200
    assert body(response) == CONTENT
    assert response["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize(("etag", "status"), [('"abc"', 206), ('"old"', 200), ("*", 200)])
def test_if_range(stored, etag, status):
    assert get(stored, **{"range": "bytes=0-9", "if-range": etag}).status_code == status


def test_head_has_headers_and_no_body(stored):
    response = get(stored, "head")
    assert (response.status_code, response["Content-Length"]) == (200, str(SIZE))
    assert body(response) == b""


@pytest.mark.parametrize("header", ["bytes=0-9", f"bytes={SIZE}-"])
def test_head_ignores_ranges(stored, header):
    response = get(stored, "head", range=header)
    assert (response.status_code, response["Content-Length"]) == (200, str(SIZE))
    assert "Content-Range" not in response
    assert body(response) == b""


def test_unchanged_file_is_304(stored):
    response = get(stored, **{"if-none-match": '"abc"'})
    assert response.status_code == 304
    assert response["ETag"] == '"abc"'


@pytest.mark.parametrize("header", [f"bytes={SIZE}-", "bytes=0-9"])
def test_unchanged_file_is_304_also_with_a_range(stored, header):
    response = get(stored, **{"if-none-match": '"abc"', "range": header})
    assert response.status_code == 304
    assert "Content-Range" not in response


@pytest.mark.parametrize(
    ("header", "start", "stop"),
    [
        ("bytes=0-", 0, 1000),
        ("bytes=500 - ", 500, 1500),
        (f"bytes={SIZE - 10}-", SIZE - 10, SIZE),
        ("bytes=0-1999", 0, 2000),
        ("bytes=-3000", SIZE - 3000, SIZE),
    ],
)
def test_only_open_ended_ranges_are_shortened(stored, header, start, stop):
    response = get(stored, open_end_bytes=1000, range=header)
    assert response.status_code == 206
    assert response["Content-Range"] == f"bytes {start}-{stop - 1}/{SIZE}"
    assert body(response) == CONTENT[start:stop]


def test_without_a_range_the_whole_file_is_sent(stored):
    response = get(stored, open_end_bytes=1000)
    assert (response.status_code, body(response)) == (200, CONTENT)


@pytest.mark.parametrize("method", ["get", "head"])
def test_missing_file_is_404_and_logged(media_root, caplog, method):
    with pytest.raises(Http404):
        get("sounds/gone.ogg", method)
    assert "sounds/gone.ogg is missing in the storage" in caplog.text


def test_type_and_caching_headers(stored):
    response = get(stored)
    assert response["Content-Type"] == "audio/ogg"
    assert response["X-Content-Type-Options"] == "nosniff"
    policy = "sandbox; default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    assert response["Content-Security-Policy"] == policy
    assert response["Cache-Control"] == "private, max-age=60"


@given(st.text(max_size=30), st.integers(1, 10**12))
def test_any_header_gives_a_range_within_the_file_or_none(header, size):
    try:
        part = parse_range(header, size=size)
    except UnsatisfiableRangeError:
        return
    assert part is None or 0 <= part.start < part.stop <= size


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 10**6))
def test_well_formed_range_is_parsed(first, last, size):
    header = f"bytes={first}-{last}"
    if last < first:
        assert parse_range(header, size=size) is None
    elif first >= size:
        with pytest.raises(UnsatisfiableRangeError):
            parse_range(header, size=size)
    else:
        assert parse_range(header, size=size) == ByteRange(first, min(last + 1, size))
