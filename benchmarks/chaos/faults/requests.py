"""Requests with an idempotency key: at once, and while the web server is killed."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from benchmarks.chaos import mines
from benchmarks.chaos.invariants import ANSWERS, DONE_ONCE, INJECTED, RECOVERY, Violation
from benchmarks.chaos.programs import wait_until
from benchmarks.chaos.senders import Client, Reply, Request
from benchmarks.chaos.trial import Trial

_AT_ONCE: Final = 50
_KILLED_WITHIN_S: Final = 60.0
_TAKEN_OVER_WITHIN_S: Final = 60.0
_ASKS_EVERY_S: Final = 0.3
_JUMP_S: Final = 2 * 3600.0


def one_key_at_once(trial: Trial) -> None:
    """Send one request fifty times at once, then fifty requests, while web is killed twice."""
    for _ in trial.repeats(3):
        photo = next(trial.photos)
        same, different = [Request(photo)] * _AT_ONCE, [Request(photo) for _ in range(_AT_ONCE)]
        for requests in (same + different,) if trial.quick else (same, different):
            _send_at_once(trial, requests)
    for step in (mines.REQUEST_STORED,) if trial.quick else mines.REQUEST_STEPS:
        _kill_in_flight(trial, step)
    if not trial.quick:
        _kill_with_a_wrong_clock(trial)


def _send_at_once(trial: Trial, requests: list[Request]) -> None:
    """Send requests until each is accepted; kill web during the first, and once more."""
    client = Client(trial.rig)
    mine = _place_mine(trial, mines.REQUEST_STORED, requests[0])
    with ThreadPoolExecutor(len(requests)) as threads:
        sending = [threads.submit(client.insist, request) for request in requests]
        wait_until(lambda: not mine.exists(), "web to be killed", within_s=_KILLED_WITHIN_S)
        wait_until(trial.rig.is_ready, "web", within_s=_KILLED_WITHIN_S)
        trial.rig.web.kill()  # the keeper starts it again
    replies: dict[str, list[Reply]] = {request.key: [] for request in requests}
    for request, one in zip(requests, sending, strict=True):
        if reply := one.result():
            replies[request.key].append(reply)
    accepted = sum(map(len, replies.values()))
    text = f"{accepted} of {len(requests)} requests were accepted"
    trial.expect(accepted == len(requests), ANSWERS, text)
    _expect_done_once(trial, replies)


def _expect_done_once(trial: Trial, replies: dict[str, list[Reply]]) -> None:
    """Check that each key has one answer, which was not replayed at most once, and one photo."""
    for answers in replies.values():
        different = {(reply.status, reply.content) for reply in answers}
        text = f"one key had {len(different)} different answers"
        trial.expect(len(different) == 1, DONE_ONCE, text)
        firsts = sum(not reply.replayed for reply in answers)
        trial.expect(firsts <= 1, DONE_ONCE, f"{firsts} answers of one key were not replayed")
    scenes = {reply.scene for answers in replies.values() for reply in answers}
    text = f"{len(replies)} keys had {len(scenes)} photos"
    trial.expect(len(scenes) == len(replies), DONE_ONCE, text)
    trial.mark(*scenes)


def _kill_in_flight(trial: Trial, step: str) -> None:
    """Kill web at a step of a request; send the request again at once, until it is accepted.

    Before the commit the request is in flight until its lease ends, then it is taken over; after
    the commit its answer is replayed at once.
    """
    request, sent = Request(next(trial.photos)), time.monotonic()
    _expect_killed(trial, step, request)
    reply, codes = _accepted(trial, request)
    took_s = time.monotonic() - sent
    committed = step == mines.REQUEST_COMMITTED
    expected = set() if committed else {"request_in_flight"}
    in_time = committed or took_s >= mines.REQUEST_LEASE_S
    trial.expect(reply and reply.replayed == committed, DONE_ONCE, f"{step}: wrongly replayed")
    trial.expect(codes == expected, ANSWERS, f"{step}: {codes} instead of {expected}")
    trial.expect(in_time, DONE_ONCE, f"{step}: taken over after {took_s:.1f} s")
    print(f"    {step}: killed, accepted after {took_s:.1f} s", flush=True)


def _kill_with_a_wrong_clock(trial: Trial) -> None:
    """Kill web during a request while its clock is ahead; the lease must not end hours later."""
    request, rig = Request(next(trial.photos)), trial.rig
    rig.set_clock(rig.web, ahead_s=_JUMP_S)
    _expect_killed(trial, mines.REQUEST_STORED, request)
    wait_until(rig.is_ready, "web", within_s=_KILLED_WITHIN_S)
    rig.set_clock(rig.web, ahead_s=0.0)
    _accepted(trial, request)


def _expect_killed(trial: Trial, step: str, request: Request) -> None:
    """Send a request during which web is killed at a step."""
    mine = _place_mine(trial, step, request)
    killed = Client(trial.rig).send(request) is None and not mine.exists()
    trial.expect(killed, INJECTED, f"web was not killed at {step}")


def _accepted(trial: Trial, request: Request) -> tuple[Reply | None, set[str]]:
    """Send a request until it is accepted; return the answer, and the codes of those before."""
    client, codes = Client(trial.rig), set[str]()
    deadline = time.monotonic() + _TAKEN_OVER_WITHIN_S
    while time.monotonic() < deadline:
        time.sleep(_ASKS_EVERY_S)
        reply = client.send(request)
        if reply is not None and reply.scene:
            trial.mark(reply.scene)
            return reply, codes
        if reply is not None:
            codes.add(reply.code)
    trial.violations.append(Violation(RECOVERY, f"a request was not accepted, but {codes}"))
    return None, codes


def _place_mine(trial: Trial, step: str, request: Request) -> Path:
    return trial.rig.write_control(mines.at_request(step, request.key), "kill")
