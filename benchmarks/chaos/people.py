"""People who upload photos, sign up, log in, delete photos and erase their accounts."""

from __future__ import annotations

import random
import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.chaos.ledger import Ledger, Outcome
from benchmarks.chaos.rig import Rig
from benchmarks.chaos.visitors import Answer, Browser, Photos, ask, submit

_PASSWORD: Final = "a-password-of-the-fault-rig"
_CONFIRMATION: Final = re.compile(r"/accounts/confirm-email/[^/\s]+/")
_MAIL_WITHIN_S: Final = 8.0
_PATIENCE_S: Final = 90.0
_THINKS_S: Final = (0.2, 1.0)
_BEFORE_LOG_IN: Final = 2  # photos
_LOG_IN: Final = "/accounts/login/"
_MINE: Final = "/me/photos/"
_ERASE: Final = "/me/data/erase/"


class UnexpectedAnswerError(Exception):
    """The site answered a step in a way that is neither right nor a temporary failure."""


@dataclass
class Person:
    """An account, and what its owner did with it."""

    name: str
    scenes: list[str] = field(default_factory=list)  # accepted by the site, now this account's
    deleted: set[str] = field(default_factory=set)
    sent_before_log_in: int = 0  # photos, whether or not the site answered
    logged_in: bool = False
    erased: bool = False

    @property
    def email(self) -> str:
        return f"{self.name}@people.example"


class Mailbox:
    """Reads the e-mails that the site prints into the log of web."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._read, self._text = 0, ""

    def confirmation(self, email: str) -> str:
        """Wait for the link that confirms an address; return its path, or an empty text."""
        deadline = time.monotonic() + _MAIL_WITHIN_S
        while time.monotonic() < deadline:
            _, found, mail = self._printed().rpartition(f"To: {email}")
            if found and (link := _CONFIRMATION.search(mail)):
                return link[0]
            time.sleep(0.2)
        return ""

    def _printed(self) -> str:
        with self._lock, self._log.open("rb") as log:
            log.seek(self._read)
            new = log.read()
            self._read += len(new)
            self._text += new.decode(errors="replace")
            return self._text


class Crowd:
    """Everybody who used the site during a fault."""

    def __init__(self, rig: Rig) -> None:
        self.rig, self.mailbox = rig, Mailbox(rig.web.log)
        self.people: list[Person] = []
        self.faults: list[str] = []

    def keep_living(self, ended: threading.Event) -> None:
        """Act as one person after the other, in one browser at one network address."""
        address = f"10.{'.'.join(str(secrets.randbelow(254) + 1) for _ in range(3))}"
        visitor = _Visitor(
            Browser(self.rig.url, headers={"X-Forwarded-For": address}), self.rig.ledger
        )
        try:
            while not ended.is_set():
                self._live(visitor)
        except UnexpectedAnswerError as error:
            self.faults.append(str(error))

    def _live(self, visitor: _Visitor) -> None:
        scenes = [scene for _ in range(_BEFORE_LOG_IN) if (scene := visitor.upload())]
        person = self._signed_up(visitor)
        person.scenes += scenes
        visitor.log_in(person)
        person.logged_in = True
        visitor.log_out()
        more = visitor.upload()
        person.sent_before_log_in = _BEFORE_LOG_IN + 1
        visitor.log_in(person)
        own = visitor.upload()
        person.scenes += [scene for scene in (more, own) if scene]
        if person.scenes:
            visitor.delete(person, person.scenes[0])
        if random.random() < 0.5:
            visitor.erase(person)
        else:
            visitor.log_out()

    def _signed_up(self, visitor: _Visitor) -> Person:
        """Sign up under new names until one gets its e-mail; the outages swallow some."""
        while True:
            person = Person(f"rig-{secrets.token_hex(6)}")
            self.people.append(person)
            visitor.sign_up(person)
            if link := self.mailbox.confirmation(person.email):
                visitor.confirm(link)
                return person


class _Visitor:
    """The steps of a person; each but an upload is repeated until the site has done it."""

    def __init__(self, browser: Browser, ledger: Ledger) -> None:
        self._browser, self._ledger, self._photos = browser, ledger, Photos()

    def upload(self) -> str:
        """Upload a photo; return its scene, or an empty text if the site refused it."""
        _think()
        return submit(self._browser, next(self._photos), self._ledger)

    def sign_up(self, person: Person) -> None:
        fields = {"username": person.name, "email": person.email, "password1": _PASSWORD}
        self._post("/accounts/signup/", 302, 200, **fields)  # 200: stored before, without answer

    def confirm(self, link: str) -> None:
        self._post(link, 302, 200)  # 200: an answer was lost, and the link is used

    def log_in(self, person: Person) -> None:
        while self._get(_MINE, 200, 302).status == 302:
            self._post(_LOG_IN, 302, login=person.name, password=_PASSWORD)

    def log_out(self) -> None:
        self._post("/accounts/logout/", 302)

    def delete(self, person: Person, scene: str) -> None:
        self._note_deletion(scene)
        person.deleted.add(scene)
        self._post(f"/scenes/{scene}/delete/", 303, 410)  # 410: an answer was lost

    def erase(self, person: Person) -> None:
        """Erase the account; afterwards the browser must be logged out."""
        person.erased = True
        for scene in person.scenes:
            self._note_deletion(scene)
        while _LOG_IN not in (location := self._get(_ERASE, 200, 302).headers["Location"] or ""):
            if location:
                self._post(location, 302, password=_PASSWORD)  # asks for the password again
            else:
                self._post(_ERASE, 302, name=person.name)

    def _note_deletion(self, scene: str) -> None:
        self._ledger.write("delete", Outcome.DELETING, began=time.time(), key=scene)

    def _get(self, path: str, *statuses: int) -> Answer:
        return self._insist(f"GET {path}", lambda: self._browser.request("GET", path), statuses)

    def _post(self, path: str, *statuses: int, **fields: str) -> Answer:
        return self._insist(f"POST {path}", lambda: self._browser.post(path, **fields), statuses)

    def _insist(self, what: str, send: Callable[[], Answer], statuses: tuple[int, ...]) -> Answer:
        """Send a request until its answer is none of an outage.

        Raises
        ------
        UnexpectedAnswerError
            If the answer has none of these statuses, or the outage does not end.
        """
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            _think()
            answer = ask(send, "account", self._ledger)
            if answer is None or answer.status == 503:
                continue
            if answer.status in statuses:
                return answer
            raise UnexpectedAnswerError(f"{what} was answered with {answer.status}")
        raise UnexpectedAnswerError(f"{what} had no answer in {_PATIENCE_S:g} s")


def _think() -> None:
    time.sleep(random.uniform(*_THINKS_S))
