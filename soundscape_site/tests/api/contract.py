"""Send generated requests to a running API, and check that it answers as its description says."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import schemathesis
from schemathesis.core.failures import Failure
from schemathesis.engine import Status, events, from_schema
from schemathesis.generation.meta import TestPhase
from schemathesis.openapi.checks import JsonSchemaError, RejectedPositiveData

from soundscape_site.api.codes import all_codes

LEFT_OUT: Final[dict[tuple[str, str], str]] = {}
"""Checks that cannot hold, by operation and check, with the reason."""

_NO_PHOTO: Final = "made-up bytes are no photo"
_ANY: Final = ""

NOT_IN_A_SCHEMA: Final[dict[tuple[str, str], str]] = {
    (_ANY, "invalid_cursor"): "a cursor is made by the server, from the last row of a page",
    (_ANY, "idempotency_key_reused"): "requests that are made up can have the same key",
    ("scenes_create", "file_empty"): _NO_PHOTO,
    ("scenes_create", "unsupported_media_type"): _NO_PHOTO,
    ("scenes_create", "image_truncated"): _NO_PHOTO,
    ("scenes_create", "image_decode_failed"): _NO_PHOTO,
    ("scenes_create", "image_too_small"): _NO_PHOTO,
    ("scenes_create", "invalid_base64"): "a made-up text is not base64",
    ("scenes_create", "private_not_judged"): "it joins two fields",
    ("scene_rematch", "matchers_differ"): "it joins the address and the body",
    ("scenes_create_batch", "private_not_judged"): "it joins two fields",
    ("clips_create", "file_empty"): "made-up bytes are no recording",
    ("clips_create", "unsupported_media_type"): "made-up bytes are no recording",
    ("clips_create", "invalid_url"): "no format states how long the names of a host can be",
    ("clip_change", "invalid_url"): "no format states how long the names of a host can be",
    ("clip_change", "version_conflict"): "an ETag is made by the server",
    ("clip_change", "precondition_required"): "an ETag is made by the server",
    ("grades_create", "not_with_good"): "it joins two fields",
    ("webhooks_create", "url_not_allowed"): "where an address leads is looked up",
    ("webhook_change", "url_not_allowed"): "where an address leads is looked up",
}
"""Refusals of requests that fit the description, by operation and code, with the reason."""

_KNOWN_CODES: Final = frozenset(code.name for code in all_codes())

_REFUSED: Final = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "428"]
_CHECKS: Final = {
    # 428 is RFC 6585's answer to a change without If-Match.
    "missing_required_header": {"expected-statuses": ["400", "401", "403", "428"]},
    # 410 is a 404 that knows more, and 412 and 416 depend on what is stored.
    "positive_data_acceptance": {
        "expected-statuses": ["2xx", "3xx", "401", "403", "404", "409", "410", "412", "416"]
    },
    "negative_data_rejection": {"expected-statuses": [*_REFUSED, "410", "412"]},
}


@dataclass
class Outcome:
    """What a run found.

    Attributes
    ----------
    cases
        How many requests were sent, by operation.
    statuses
        How many answers had each status, by operation.
    failures
        What failed: operation, check, and how to do it again.
    errors
        What kept an operation from being tested.
    """

    cases: Counter[str] = field(default_factory=Counter)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        """Add what another run found; the same failure counts once."""
        self.cases += other.cases
        self.statuses += other.statuses
        self.errors += other.errors
        known = {one.partition("\n")[0] for one in self.failures}
        self.failures += [one for one in other.failures if one.partition("\n")[0] not in known]

    @property
    def faults(self) -> str:
        """Everything that is wrong, in lines."""
        return "\n\n".join(self.errors + self.failures)


@schemathesis.check
def problem_codes_are_listed(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> bool | None:
    """Fail if a problem has a code that the API's page does not explain."""
    kind = response.headers.get("content-type", [""])[0]
    if response.status_code < 400 or not kind.startswith("application/problem+json"):
        return None
    problem = response.json()
    codes = {problem["code"], *(one["code"] for one in problem.get("errors", ()))}
    if unknown := codes - _KNOWN_CODES:
        raise AssertionError(f"the page of the API does not list {sorted(unknown)}")
    return None


@schemathesis.check
def selected_fields_are_answered(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> bool | None:
    """Fail if an answer does not have the fields that the request selects, and no others."""
    wanted = _selected(response)
    if response.status_code != 200 or not wanted or not _is_json(response):
        return None
    found = response.json()
    entries = found["results"] if found.keys() == {"results", "next"} else [found]
    if any(one.keys() != wanted for one in entries):
        raise AssertionError(f"{sorted(wanted)} were selected: {entries[:1]}")
    return None


@schemathesis.hook
def filter_failure(
    context: schemathesis.HookContext,
    failure: Failure,
    case: schemathesis.Case[Any],
    response: schemathesis.Response,
) -> bool:
    """Drop failures that only say what `NOT_IN_A_SCHEMA` does, or that fields were selected."""
    if isinstance(failure, JsonSchemaError):
        # The description says which fields the whole answer has: another check looks at these.
        return not _selected(response)
    if not isinstance(failure, RejectedPositiveData) or not _is_json(response):
        return True
    problem = response.json()
    codes = {one["code"] for one in problem.get("errors", ())} or {problem["code"]}
    operation = case.operation.definition.raw["operationId"]
    return not all(
        (operation, code) in NOT_IN_A_SCHEMA or (_ANY, code) in NOT_IN_A_SCHEMA for code in codes
    )


@dataclass
class _Sample:
    """Which of the requests that go through a description's limits are sent: every n-th."""

    every: int = 1
    seen: Counter[str] = field(default_factory=Counter)


_sample: Final = _Sample()


@schemathesis.hook
def filter_case(context: schemathesis.HookContext, case: schemathesis.Case[Any]) -> bool:
    """Thin out the requests of the phase that goes through all limits of a description."""
    if case.meta is None or case.meta.phase.name is not TestPhase.COVERAGE:
        return True
    operation = case.operation.label
    _sample.seen[operation] += 1
    return _sample.seen[operation] % _sample.every == 0


def _selected(response: schemathesis.Response) -> set[str]:
    query = parse_qs(urlsplit(str(response.request.url)).query)
    return set(",".join(query.get("fields", ())).split(",")) - {""}


def _is_json(response: schemathesis.Response) -> bool:
    return "json" in response.headers.get("content-type", [""])[0]


def run_contract(
    base_url: str, key: str, *, examples: int, steps: int, seed: int, every: int = 1
) -> Outcome:
    """Test every operation of the API at an address with all checks, and sequences of them.

    Parameters
    ----------
    key
        A key with every scope, of somebody with every role. The data is changed at will.
    examples
        How many random requests each operation gets at most, after those that the description
        itself suggests.
    steps
        How many requests a sequence has at most.
    every
        Of the requests that go through all limits of the description, every n-th is sent.
    """
    _sample.every, _sample.seen = every, Counter()
    settings = _settings(key, examples=examples, steps=steps, seed=seed)
    config = schemathesis.Config.from_dict(settings)
    schema = schemathesis.openapi.from_url(f"{base_url}/api/v1/schema", config=config)
    outcome, seen = Outcome(), set[str]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for event in from_schema(schema).execute():
            if isinstance(event, events.ScenarioFinished):
                _note(event, outcome, seen)
            elif isinstance(event, events.NonFatalError):
                outcome.errors.append(f"{event.label}: {event.value}")
            elif isinstance(event, events.FatalError):
                outcome.errors.append(f"{event.exception!r}")
    return outcome


def _settings(key: str, *, examples: int, steps: int, seed: int) -> dict[str, Any]:
    checks: dict[str, dict[str, Any]] = {}
    for operation, check in LEFT_OUT:
        checks.setdefault(operation, {})[check] = {"enabled": False}
    generation = {
        "max-examples": examples,
        "deterministic": False,
        "database": "none",
        "no-shrink": True,
        # No pattern says so, and NUL is refused everywhere: other tests send it.
        "allow-x00": False,
    }
    return {
        "seed": seed,
        "suppress-health-check": ["all"],
        "continue-on-failure": True,
        "request-timeout": 60,
        "max-redirects": 0,
        "auth": {"openapi": {"key": {"bearer": key}}},
        "generation": generation,
        "phases": {"stateful": {"max-steps": steps}},
        "checks": _CHECKS,
        "operations": [
            {"include-operation-id": operation, "checks": those}
            for operation, those in checks.items()
        ],
    }


def _note(event: events.ScenarioFinished, outcome: Outcome, seen: set[str]) -> None:
    """Count a scenario's requests, and keep each kind of failure of an operation once."""
    recorder = event.recorder
    for case_id, node in recorder.cases.items():
        operation = node.value.operation.label
        sent = recorder.interactions.get(case_id)
        if sent is None:
            continue
        outcome.cases[operation] += 1
        if sent.response is not None:
            outcome.statuses[operation, sent.response.status_code] += 1
        for check in recorder.checks.get(case_id, ()):
            if check.status is Status.FAILURE and check.failure_info is not None:
                failure = check.failure_info.failure
                kind = f"{operation}: {check.name}: {failure.title}"
                status = sent.response.status_code if sent.response is not None else "none"
                if f"{kind} {status}" not in seen:
                    seen.add(f"{kind} {status}")
                    answer = sent.response.text[:500] if sent.response is not None else ""
                    outcome.failures.append(
                        f"{kind}\n{failure.message}\nanswer {status}: {answer}\n"
                        f"{check.failure_info.code_sample}"
                    )
