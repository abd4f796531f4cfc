"""Programs that send photos through the API, and repeat each request until it is answered."""

from __future__ import annotations

import base64
import json
import random
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from benchmarks.chaos.ledger import Entry, Outcome
from benchmarks.chaos.rig import Rig
from benchmarks.chaos.visitors import HANGS_AFTER_S, Answer, Browser, NoAnswerError, Photos

SEND: Final = "send"
POLL: Final = "poll"

_SCENES: Final = "/api/v1/scenes"
_PROBLEM: Final = "application/problem+json"
_FOR_NOW: Final = frozenset({409, 503, 507})  # the request can be sent again
_HANGS_UP: Final = 0.1  # share of the attempts
_HANGS_UP_AFTER_S: Final = (0.01, 0.2)
_TWICE: Final = 0.1  # share of the attempts that are two at once
_PATIENCE_S: Final = 90.0
_RETRIES_AFTER_S: Final = (0.3, 1.0)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to a sent photo."""

    status: int
    content: str  # as JSON, in one order
    code: str = ""  # of a problem
    scene: str = ""  # empty if the photo was not accepted
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """A photo and its idempotency key, which is also the photo's title."""

    photo: bytes
    key: str = field(default_factory=lambda: str(uuid.uuid4()))


class Client:
    """Sends requests with a key of the API and records them in the ledger."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    def send(self, request: Request, *, timeout_s: float = HANGS_AFTER_S) -> Reply | None:
        """Send a photo as a form or as JSON; return None without an answer."""
        headers = {
            "Authorization": f"Bearer {self._rig.api_secret}",
            "Idempotency-Key": request.key,
        }
        browser = Browser(self._rig.url, headers=headers, timeout_s=timeout_s)
        body, media_type = random.choice((_form, _json))(request)
        ledger, began = self._rig.ledger, time.time()
        try:
            answer = browser.request("POST", _SCENES, body, media_type)
        except NoAnswerError as error:
            note = "" if time.time() - began >= timeout_s else str(error)
            ledger.write(SEND, Outcome.UNKNOWN, began=began, note=note, request=request.key)
            return None
        wrong, content = _checked(answer, frozenset({201, 202}) | _FOR_NOW)
        scene = str(content.get("id", "")) if answer.status in {201, 202} else ""
        if scene and not (answer.headers["Location"] or "").endswith(f"/{scene}"):
            wrong = wrong or f"Location {answer.headers['Location']}"
        replayed = answer.headers["Idempotent-Replayed"] == "true"
        outcome = Outcome.ACCEPTED if scene else Outcome.REFUSED
        ledger.write(
            SEND, outcome, began=began, status=answer.status, key=scene, note=wrong,
            request=request.key, replayed=replayed,
        )  # fmt: skip
        code = str(content.get("code", ""))
        text = json.dumps(content, sort_keys=True)
        return Reply(answer.status, text, code, scene, replayed)

    def insist(self, request: Request) -> Reply | None:
        """Send a photo until it is accepted; record in the ledger if it never is."""
        began = time.time()
        while time.time() < began + _PATIENCE_S:
            reply = self.send(request)
            if reply is not None and reply.scene:
                return reply
            time.sleep(random.uniform(*_RETRIES_AFTER_S))
        self._rig.ledger.write(
            SEND, Outcome.REFUSED, began=time.time(), note=f"refused for {_PATIENCE_S:g} s",
            request=request.key,
        )  # fmt: skip
        return None

    def poll(self, scene: str) -> bool:
        """Read a photo; return whether it is finished."""
        headers = {"Authorization": f"Bearer {self._rig.api_secret}"}
        began, ledger = time.time(), self._rig.ledger
        try:
            answer = Browser(self._rig.url, headers=headers).request("GET", f"{_SCENES}/{scene}")
        except NoAnswerError as error:
            ledger.write(POLL, Outcome.UNKNOWN, began=began, note=str(error))
            return False
        wrong, content = _checked(answer, frozenset({200, 503}))
        if answer.status == 200 and content.get("state") == "done" and not content.get("matches"):
            wrong = wrong or "done without matches"
        ledger.write(POLL, Outcome.ANSWERED, began=began, status=answer.status, note=wrong)
        return content.get("state") in ("done", "failed")


class Sender(Client):
    """One program after the other: what it could not send during a fault, it sends afterwards."""

    def __init__(self, rig: Rig, photos: Photos, pause_s: float) -> None:
        super().__init__(rig)
        self._photos, self._pause_s = photos, pause_s
        self._waiting: Request | None = None
        self._polled = ""  # the scene accepted last

    def keep_sending(self, ended: threading.Event) -> None:
        """Send a photo until it is accepted, read it, and pause, in a loop."""
        while not ended.wait(self._pause_s):
            if self._polled and self.poll(self._polled):
                self._polled = ""
            self._waiting = self._waiting or Request(next(self._photos))
            if scene := self._attempt(self._waiting):
                self._waiting, self._polled = None, scene

    def finish(self) -> None:
        """Get an answer to the last request."""
        if self._waiting is not None:
            self.insist(self._waiting)
            self._waiting = None

    def _attempt(self, request: Request) -> str:
        """Send a request once, some of them twice at once; hang up early on others."""
        dice = random.random()
        if dice < _HANGS_UP:
            replies = [self.send(request, timeout_s=random.uniform(*_HANGS_UP_AFTER_S))]
        elif dice < _HANGS_UP + _TWICE:
            with ThreadPoolExecutor(2) as both:
                replies = list(both.map(self.send, [request] * 2))
        else:
            replies = [self.send(request)]
        return next((reply.scene for reply in replies if reply and reply.scene), "")


def figures(entries: Sequence[Entry]) -> dict[str, int]:
    """Count the requests with an idempotency key, and their answers."""
    sent = [entry for entry in entries if entry.kind == SEND]
    photos = {entry.request for entry in sent}
    accepted = {entry.request for entry in sent if entry.outcome is Outcome.ACCEPTED}
    return {
        "requests": len(sent), "photos": len(photos), "acknowledged": len(accepted),
        "retried": len(sent) - len(photos), "replayed": sum(entry.replayed for entry in sent),
        "in flight": sum(entry.status == 409 for entry in sent),
        "unknown": sum(entry.outcome is Outcome.UNKNOWN for entry in sent),
    }  # fmt: skip


def _form(request: Request) -> tuple[bytes, str]:
    boundary = uuid.uuid4().hex
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="title"\r\n\r\n{request.key}\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="photo"; filename="photo.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    body = head.encode() + request.photo + f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"


def _json(request: Request) -> tuple[bytes, str]:
    photo = base64.b64encode(request.photo).decode()
    return json.dumps({"photo": photo, "title": request.key}).encode(), "application/json"


def _checked(answer: Answer, expected: frozenset[int]) -> tuple[str, dict[str, object]]:
    """Return what is wrong with an answer of the API, if anything, and its content."""
    media_type = answer.headers.get_content_type()
    try:
        content = json.loads(answer.body)
    except ValueError:
        return f"no JSON: {media_type}", {}
    if answer.status not in expected:
        return f"unexpected: {answer.status} {content.get('code', '')}", content
    if media_type != (_PROBLEM if answer.status >= 400 else "application/json"):
        return f"media type {media_type}", content
    return _wrong_in_problem(answer, content) if answer.status >= 400 else "", content


def _wrong_in_problem(answer: Answer, content: Mapping[str, object]) -> str:
    if content.get("status") != answer.status or not content.get("code"):
        return "a problem without its status or code"
    if not answer.headers["Retry-After"]:
        return "no Retry-After"
    in_flight = content["code"] == "request_in_flight"
    return "" if in_flight or answer.status != 409 else str(content["code"])
