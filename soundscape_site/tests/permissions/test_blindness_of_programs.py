"""A reviewer's key reaches no more than the reviewer's browser: no title, score, grade or gold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.test import Client

from accounts.services.api_keys import make_key
from labelling.models import Grade, Pair
from retrieval.models import Clip
from soundscape_site.tests.permissions.examples import Site
from soundscape_site.tests.permissions.labelling import SECRET
from soundscape_site.tests.permissions.programs import ALL_SCOPES, Programs
from soundscape_site.tests.permissions.routes import all_routes
from soundscape_site.tests.permissions.test_blindness import (
    make_alike,
    secrets_in,
    told,
    without_token,
)

LIBRARY: Final = "/api/v1/clips"
"""Recordings, also those of pairs, are public; that a pair has one of them is not."""

REQUEST_ID: Final = "request_id"


class Reviewer:
    """The program of the reviewer who holds leases."""

    def __init__(self, site: Site) -> None:
        person = site.people["reviewer"]
        _, secret = make_key(
            user_id=person.pk, name="grading", scopes=ALL_SCOPES, valid_for=timedelta(days=1)
        )
        self._client = Client(headers={"Authorization": f"Bearer {secret}"})

    def get(self, address: str) -> Any:
        cache.clear()
        return self._client.get(address)

    def post(self, path: str, body: Any) -> Any:
        cache.clear()
        return self._client.post(f"/api/v1/{path}", body, content_type="application/json")


@pytest.fixture
def program(site: Site) -> Reviewer:
    return Reviewer(site)


def grade_of(token: Any, **fields: Any) -> dict[str, Any]:
    return {
        "id": str(uuid4()), "lease": str(token), "grade": "bad", "faults": ["place"],
        "listened_s": 9.0, "heard_to_end": False, "took_s": 10.0,
    } | fields  # fmt: skip


def skip_of(token: Any) -> dict[str, Any]:
    return {"id": str(uuid4()), "lease": str(token), "reason": "unsure"}


def addresses(programs: Programs) -> Iterator[str]:
    """Yield the address of every object of every route of the API, with parameters that tell."""
    for route in all_routes():
        if route.is_of_api:
            for values in programs.objects(route, "reviewer").values():
                yield route.address(**values)
    labelling = programs.site.labelling
    for campaign in labelling.campaigns.values():
        for path in ("", "/progress", "/report", "/reports", "/export?format=csv"):
            yield f"/api/v1/campaigns/{campaign.pk}{path}"
    for report in labelling.frozen.values():
        yield f"/api/v1/reports/{report.pk}/export?format=jsonl"
    yield from (f"/api/v1/campaigns?state={state}" for state in labelling.campaigns)


def test_no_answer_tells_a_secret(programs, program):
    opened = []
    for address in addresses(programs):
        if address == LIBRARY:
            continue
        answer = program.get(address)
        assert secrets_in(told(answer), programs.site) == [], address
        if answer.status_code == 200:
            opened.append(address)
    rows = programs.site.labelling
    assert f"/api/v1/campaigns/{rows.open.pk}/progress" in opened
    assert f"/api/v1/leases/{rows.held_gold.token}/sound" in opened
    assert "/api/v1/campaigns?state=closed" in opened
    assert "/api/v1/scenes" in opened


def test_the_secrets_are_told_to_leads(programs):
    """So that the test above searches for what the API can tell."""
    programs.take_roles_of("lead")
    visitor = programs.visitors["lead"]
    rows = programs.site.labelling
    answer = visitor.generic("GET", f"/api/v1/campaigns/{rows.open.pk}")
    assert {str(rows.open.seed)} <= set(secrets_in(told(answer), programs.site))


def test_the_library_tells_what_a_recording_is_and_not_that_it_is_graded(site, program):
    """Recordings of pairs look like others: no field, link or order shows which they are."""
    pairs = Pair.objects.filter(campaign=site.labelling.open)
    clips = {clip.pk: clip for clip in Clip.objects.filter(title__startswith=SECRET)}
    assert {pair.clip_id for pair in pairs} < clips.keys()
    listed = program.get(f"{LIBRARY}?page_size=100").json()
    assert listed["next"] is None
    assert clips.keys() < {clip["id"] for clip in listed["results"]}
    of_recordings = {
        str(value)
        for clip in clips.values()
        for value in (clip.pk, clip.sha256, clip.title, clip.author, clip.path, clip.collection)
    } | {tag for clip in clips.values() for tag in (*clip.tags, *clip.sound_tags, clip.source_url)}
    linking = site.labelling.secrets - of_recordings - {SECRET}
    assert {str(pair.pk) for pair in pairs} <= linking
    answers = [program.get(f"{LIBRARY}?page_size=100")]
    answers += [program.get(f"{LIBRARY}/{clip}{part}") for clip in clips for part in ("", "/audio")]
    for answer in answers:
        assert answer.status_code == 200
        text = told(answer).lower()
        assert [secret for secret in linking if secret.lower() in text] == []
    assert len({tuple(clip) for clip in listed["results"]}) == 1


def test_files_of_a_pair_have_no_mark_of_its_recording(site, program):
    """Whoever has both answers finds nothing in their headers that is the same for one file."""
    shared = {"Content-Length", "Content-Type", "Last-Modified", "Date"}
    slot = site.labelling.held
    pair = {
        name: value
        for name, value in program.get(f"/api/v1/leases/{slot.token}/sound").items()
        if name not in shared
    }
    library = program.get(f"{LIBRARY}/{slot.pair.clip_id}/audio")
    assert library.status_code == 200
    assert pair["ETag"] == f'"{slot.token}"'
    assert "Content-Location" not in pair
    assert "Content-Disposition" not in pair
    assert library["ETag"] != pair["ETag"]


def test_what_is_sent_back_holds_no_secret(site, program):
    rows = site.labelling
    answers = [
        program.post(f"campaigns/{rows.open.pk}/next", {"wanted": 6}),
        program.post("leases", {"tokens": [str(rows.held.token), str(uuid4())]}),
    ]
    pairs = answers[0].json()["pairs"]
    assert len(pairs) > 2
    for slot in (rows.held, rows.held_gold):
        sent = grade_of(slot.token)
        undo = {"id": str(uuid4()), "undoes": sent["id"]}
        answers += [program.post("grades", sent), program.post("undos", undo)]
    answers.append(program.post("skips", skip_of(rows.held.token)))
    assert {answer.status_code for answer in answers} <= {200, 201}
    for answer in answers:
        assert secrets_in(told(answer), site) == []


def test_anothers_lease_and_answer_are_as_unknown(site, program):
    rows = site.labelling
    others = Grade.objects.filter(reviewer=rows.other).values_list("answer", flat=True)[0]
    asked = [
        ("grades", grade_of, rows.of_another.token),
        ("skips", skip_of, rows.of_another.token),
        ("undos", lambda answer: {"id": str(uuid4()), "undoes": str(answer)}, others),
        ("leases", lambda token: {"tokens": [str(token)]}, rows.of_another.token),
    ]
    for path, body_of, foreign in asked:
        answers = [program.post(path, body_of(one)) for one in (foreign, uuid4())]
        words = [{**answer.json(), REQUEST_ID: ""} for answer in answers]
        assert words[0] == words[1], path
        assert answers[0].status_code == answers[1].status_code
        assert secrets_in(told(answers[0]), site) == []
    assert not Grade.objects.filter(pair=rows.of_another.pair).exists()


def test_a_gold_pair_looks_like_any_other(site, program):
    """Answers and headers for two pairs differ by their tokens alone."""
    rows = site.labelling
    make_alike(rows.held, rows.held_gold)
    pairs = program.post(f"campaigns/{rows.open.pk}/next", {"wanted": 2}).json()["pairs"]
    assert {pair["token"] for pair in pairs} == {str(rows.held.token), str(rows.held_gold.token)}
    assert len({_shape(pair) for pair in pairs}) == 1
    for part in ("photo", "sound"):
        told_of = {
            without_token(
                told(program.get(f"/api/v1/leases/{pair['token']}/{part}")), pair["token"]
            )
            for pair in pairs
        }
        assert len(told_of) == 1, part
    answers = [program.post("grades", grade_of(slot.token)) for slot in (rows.held, rows.held_gold)]
    assert [answer.status_code for answer in answers] == [201, 201]
    first, second = (answer.json()["progress"] for answer in answers)
    assert first.keys() == second.keys()
    assert second["own"]["done"] == first["own"]["done"] + 1
    assert second["own"]["total"] == first["own"]["total"]


def _shape(pair: dict[str, Any]) -> str:
    """Return a pair without its token and the time until which it is lent."""
    return without_token(json.dumps(pair | {"leased_until": ""}), pair["token"])
