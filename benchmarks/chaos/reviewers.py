"""Reviewers who grade, skip and undo in their browsers, and repeat what was not answered."""

from __future__ import annotations

import json
import random
import secrets
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.chaos.rig import Rig
from benchmarks.chaos.visitors import Answer, Browser, ask
from benchmarks.report import percentile

PASSWORD: Final = "a-password-of-the-fault-rig"
_PATIENCE_S: Final = 120.0
_LOG_IN: Final = "/accounts/login/"
_OK: Final = frozenset({200})
_REFUSED: Final = frozenset({409})  # for good: nothing was stored
_GRADES: Final = ("decent",) * 17 + ("good",) * 2 + ("bad",)
_ASIDE_FOR: Final = 12  # acts until a pair that was put aside gets its late grade


class UnexpectedAnswerError(Exception):
    """The site answered in a way that is neither right nor a temporary failure."""


@dataclass
class Sent:
    """An answer that a reviewer sent, and what the site said."""

    id: str
    reviewer: str
    kind: str  # "grade", "skip" or "undo"
    detail: dict[str, Any]
    acknowledged: bool = False
    refused: bool = False


@dataclass
class Round:
    """What all reviewers did during a fault."""

    rig: Rig
    campaign: int
    names: list[str]
    enough: int  # acknowledged grades
    thinks_s: tuple[float, float] = (0.05, 0.3)
    sent: list[Sent] = field(default_factory=list)
    claims_s: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)  # reviewers who stopped
    idle: set[str] = field(default_factory=set)  # reviewers for whom there is nothing to grade
    late: int = 0
    twice: int = 0
    figures: dict[str, float] = field(default_factory=dict)

    def is_over(self) -> bool:
        """Tell whether enough is graded, or nobody finds more."""
        return self.graded() >= self.enough or len(self.idle | self.gone) == len(self.names)

    def graded(self) -> int:
        """Count the acknowledged grades."""
        return sum(one.acknowledged and one.kind == "grade" for one in list(self.sent))

    def summary(self) -> str:
        """Return the figures in a line."""
        kinds = Counter(one.kind for one in self.sent if one.acknowledged)
        figures = {
            "grades": kinds["grade"], "skips": kinds["skip"], "undone": kinds["undo"],
            "refused": sum(one.refused for one in self.sent), "sent twice": self.twice,
            "sent late": self.late, **self.figures,
        }  # fmt: skip
        if len(self.claims_s) > 1:
            figures["claim p50 ms"] = percentile(self.claims_s, 50) * 1000
            figures["claim p99 ms"] = percentile(self.claims_s, 99) * 1000
        return "    " + ", ".join(f"{name} {value:g}" for name, value in figures.items())

    def review(self, name: str, ended: threading.Event) -> None:
        """Be one reviewer until enough is graded."""
        reviewer = _Reviewer(self, name)
        try:
            reviewer.log_in()
            while not ended.is_set() and name not in self.gone:
                reviewer.act()
        except UnexpectedAnswerError as error:
            self.faults.append(f"{name}: {error}")
            self.gone.add(name)


class _Reviewer:
    """One browser, logged in; each act is repeated with the same id until it is answered."""

    def __init__(self, round_: Round, name: str) -> None:
        self._round, self._name = round_, name
        address = f"10.{'.'.join(str(secrets.randbelow(254) + 1) for _ in range(3))}"
        self._browser = Browser(round_.rig.url, headers={"X-Forwarded-For": address})
        self._done: list[Sent] = []  # acknowledged, in force, latest last
        self._aside: dict[str, int] = {}  # token of a pair put aside -> acts to wait

    def log_in(self) -> None:
        self._insist(
            "log in",
            lambda: self._browser.post(_LOG_IN, login=self._name, password=PASSWORD),
            statuses=frozenset({302}),
        )

    def act(self) -> None:
        """Do one thing, as a reviewer would."""
        time.sleep(random.uniform(*self._round.thinks_s))
        self._aside = {token: left - 1 for token, left in self._aside.items()}
        late = [token for token, left in self._aside.items() if left <= 0]
        if late:
            self._round.late += 1
            del self._aside[late[0]]
            self._grade(late[0])
            return
        dice = random.random()
        if dice < 0.04 and self._done:
            self._undo()
            return
        tokens = [token for token in self._claim() if token not in self._aside]
        if not tokens:
            if not self._aside:
                self._round.idle.add(self._name)
            time.sleep(0.5)
            return
        self._round.idle.discard(self._name)
        if dice < 0.06 and not self._aside:
            self._aside[tokens[0]] = _ASIDE_FOR
        elif dice < 0.10:
            self._send("skip", token=tokens[0], reason=random.choice(["unsure", "cannot_hear"]))
        else:
            self._grade(tokens[0])

    def _claim(self) -> list[str]:
        answer = self._insist("next", self._ask_for_pairs, _OK)
        return [pair["token"] for pair in json.loads(answer.body)["pairs"]]

    def _ask_for_pairs(self) -> Answer:
        began = time.monotonic()
        answer = self._post(f"/review/{self._round.campaign}/next/", {"wanted": 3})
        if answer.status in _OK:
            self._round.claims_s.append(time.monotonic() - began)
        return answer

    def _grade(self, token: str) -> None:
        self._send(
            "grade", token=token, grade=random.choice(_GRADES), faults=[], listened_s=3.5,
            heard_to_end=False, took_s=4.0,
        )  # fmt: skip

    def _undo(self) -> None:
        undone = self._done.pop()
        self._send("undo", undoes=undone.id)

    def _send(self, kind: str, **detail: Any) -> None:
        """Send an answer, a tenth of them twice at once, until the site has decided."""
        sent = Sent(str(uuid.uuid4()), self._name, kind, detail)
        self._round.sent.append(sent)
        path = "/review/undo/" if kind == "undo" else "/review/answers/"
        content = {"id": sent.id, "kind": kind, **detail}

        def send() -> Answer:
            return self._post(path, content)

        def insist() -> Answer:
            return self._insist(kind, send, _OK | _REFUSED)

        if random.random() < 0.1:
            self._round.twice += 1
            with ThreadPoolExecutor(2) as both:
                answers = [work.result() for work in [both.submit(insist) for _ in range(2)]]
        else:
            answers = [insist()]
        sent.acknowledged = any(answer.status in _OK for answer in answers)
        sent.refused = not sent.acknowledged
        if sent.acknowledged and kind != "undo":
            self._done.append(sent)

    def _post(self, path: str, content: dict[str, Any]) -> Answer:
        return self._browser.post_json(path, content)

    def _insist(self, what: str, send: Callable[[], Answer], statuses: frozenset[int]) -> Answer:
        """Send a request until its answer is none of an outage."""
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            answer = ask(send, "account", self._round.rig.ledger)
            if answer is None or answer.status == 503:
                time.sleep(random.uniform(0.1, 0.5))
            elif answer.status in statuses:
                return answer
            else:
                raise UnexpectedAnswerError(f"{what} was answered with {answer.status}")
        raise UnexpectedAnswerError(f"{what} had no answer in {_PATIENCE_S:g} s")
