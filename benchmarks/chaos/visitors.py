"""Clients that put load on the site and record their requests in the ledger."""

from __future__ import annotations

import http.client
import io
import json
import re
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode, urlsplit

import numpy as np
from PIL import Image

from benchmarks.chaos.ledger import Ledger, Outcome
from benchmarks.chaos.mines import FLAG_RGB

HANGS_AFTER_S: Final = 30.0
SCENE: Final = re.compile(r"/scenes/([0-9a-f-]{36})/")
_TOKEN_COOKIE: Final = "csrftoken"
_DELETED: Final = ("", '""')  # the values of a cookie that the site deletes
_TOKEN_FIELD: Final = "csrfmiddlewaretoken"


class NoAnswerError(Exception):
    """The connection failed or timed out; the result of the request is unknown."""


class Answer(NamedTuple):
    """Status, headers and body of a response."""

    status: int
    headers: http.client.HTTPMessage
    body: str


class Browser:
    """Keeps its cookies and sends no request twice."""

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = HANGS_AFTER_S,
    ) -> None:
        self._host, self._timeout_s = urlsplit(url).netloc, timeout_s
        self._headers = dict(headers or {})
        self._cookies: dict[str, str] = {}

    def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        content_type: str = "",
        *,
        by_script: bool = False,
        token: str = "",
    ) -> Answer:
        connection = http.client.HTTPConnection(self._host, timeout=self._timeout_s)
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        headers = self._headers | {"Cookie": cookies}
        headers |= {"Content-Type": content_type} if content_type else {}
        headers |= {"HX-Request": "true"} if by_script else {}
        headers |= {"X-CSRFToken": token} if token else {}
        try:
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            self._store_cookies(answer.headers.get_all("Set-Cookie", []))
            return Answer(answer.status, answer.headers, answer.read().decode(errors="replace"))
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswerError(f"{type(error).__name__}: {error}") from error
        finally:
            connection.close()

    def post(self, path: str, **fields: str) -> Answer:
        """Send a form, as a browser does without the page's script."""
        form = urlencode({_TOKEN_FIELD: self._token(), **fields}).encode()
        return self.request("POST", path, form, "application/x-www-form-urlencoded")

    def post_json(self, path: str, content: Mapping[str, Any]) -> Answer:
        """Send JSON, as a page's script does."""
        return self.request(
            "POST", path, json.dumps(content).encode(), "application/json", token=self._token()
        )

    def upload(self, photo: bytes) -> Answer:
        """Send a photo, as the page's script does."""
        boundary = uuid.uuid4().hex
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{_TOKEN_FIELD}"\r\n\r\n'
            f'{self._token()}\r\n--{boundary}\r\nContent-Disposition: form-data; name="photo"; '
            'filename="photo.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
        )
        body = head.encode() + photo + f"\r\n--{boundary}--\r\n".encode()
        media_type = f"multipart/form-data; boundary={boundary}"
        return self.request("POST", "/scenes/", body, media_type, by_script=True)

    def _token(self) -> str:
        """Return the CSRF token; the front page gives it to a new browser."""
        if _TOKEN_COOKIE not in self._cookies:
            page = self.request("GET", "/")
            if _TOKEN_COOKIE not in self._cookies:
                raise NoAnswerError(f"no form on the front page, status {page.status}")
        return self._cookies[_TOKEN_COOKIE]

    def _store_cookies(self, values: list[str]) -> None:
        """Store cookies without their expiry, since clocks are wrong during some faults."""
        for cookie in values:
            name, _, value = cookie.partition(";")[0].partition("=")
            self._cookies[name] = value
            if value in _DELETED:
                del self._cookies[name]


class Photos:
    """An endless supply of small photos whose stored files no other photo shares."""

    def __init__(self) -> None:
        self._flag = jpeg(Image.new("RGB", (64, 64), FLAG_RGB))

    def __next__(self) -> bytes:
        pixels = np.random.default_rng().integers(0, 255, (48, 48, 3), dtype=np.uint8)
        return jpeg(Image.fromarray(pixels))

    def flagged(self) -> bytes:
        """Return a photo that triggers the flagged action when it is classified."""
        return _with_comment(self._flag)


def submit(browser: Browser, photo: bytes, ledger: Ledger) -> str:
    """Upload a photo and record the answer; return the scene's id, or an empty text."""
    began = time.time()
    try:
        answer = browser.upload(photo)
    except NoAnswerError as error:
        ledger.write("upload", Outcome.UNKNOWN, began=began, note=str(error))
        return ""
    scene = SCENE.search(answer.headers["HX-Push-Url"] or "")
    if answer.status == 200 and scene:
        ledger.write("upload", Outcome.ACCEPTED, began=began, status=200, key=scene[1])
        return scene[1]
    ledger.write("upload", Outcome.REFUSED, began=began, status=answer.status, note=_note(answer))
    return ""


def read_page(browser: Browser, path: str, ledger: Ledger) -> Answer | None:
    """Read a page and record its status; return None without an answer."""
    return ask(lambda: browser.request("GET", path, by_script=True), "read", ledger)


def ask(send: Callable[[], Answer], kind: str, ledger: Ledger) -> Answer | None:
    """Send a request that is no upload and record its status; return None without an answer."""
    began = time.time()
    try:
        answer = send()
    except NoAnswerError as error:
        ledger.write(kind, Outcome.UNKNOWN, began=began, note=str(error))
        return None
    ledger.write(kind, Outcome.ANSWERED, began=began, status=answer.status, note=_note(answer))
    return answer


def _note(answer: Answer) -> str:
    """Return "no Retry-After" for a server error without this header, otherwise an empty text."""
    return "no Retry-After" if answer.status >= 500 and not answer.headers["Retry-After"] else ""


def keep_visiting(
    url: str, ledger: Ledger, photos: Photos, pause_s: float, ended: threading.Event
) -> None:
    """Upload a photo, read its page and pause, in a loop."""
    browser = Browser(url)
    while not ended.wait(pause_s):
        scene = submit(browser, next(photos), ledger)
        read_page(browser, f"/scenes/{scene}/progress/" if scene else "/", ledger)


@contextmanager
def load(clients: list[Callable[[threading.Event], None]]) -> Iterator[None]:
    """Run all clients in threads within the block."""
    ended = threading.Event()
    with ThreadPoolExecutor(max_workers=len(clients)) as threads:
        running = [threads.submit(client, ended) for client in clients]
        try:
            yield
        finally:
            ended.set()
        for client in running:
            client.result()  # raises the exception of a failed client


def jpeg(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=90)
    return stream.getvalue()


def _with_comment(jpeg: bytes) -> bytes:
    """Make the content unique with a random JPEG comment after the first marker."""
    text = secrets.token_hex(16).encode()
    return jpeg[:2] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text + jpeg[2:]
