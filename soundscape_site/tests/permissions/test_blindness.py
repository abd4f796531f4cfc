"""A reviewer cannot reach another's grade, a gold mark, a score or a title by any route."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from typing import Any, Final
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.http import HttpResponseBase
from django.test import Client
from django.urls import reverse

from labelling.models import Grade, Slot
from retrieval.models import Thumb
from retrieval.services.exporting import request_export, run_export
from soundscape_site.tests.permissions.examples import Site, examples_of
from soundscape_site.tests.permissions.labelling import SECRET
from soundscape_site.tests.permissions.routes import all_routes

SCENES: Final = ("/scenes/", "/me/photos/<", "/samples/", "/clips/")
"""Pages of a photo, for whoever knows its key; the photos there are not the campaign's."""

HEARD_S: Final = 9.0


@pytest.fixture
def browser(site: Site) -> Client:
    """The browser of the reviewer who holds leases."""
    return site.browsers["reviewer"]


def told(answer: HttpResponseBase) -> str:
    """Return all that a browser is told: headers and body."""
    body = b"".join(answer) if answer.streaming else answer.content  # type: ignore[attr-defined]
    headers = {name: value for name, value in answer.items() if name != "X-Request-ID"}
    return f"{headers}\n{body.decode(errors='replace')}"


def secrets_in(text: str, site: Site) -> list[str]:
    found = text.lower()
    return sorted(secret for secret in site.labelling.secrets if secret.lower() in found)


def send(browser: Client, name: str, data: dict[str, Any], **arguments: Any) -> Any:
    return browser.post(
        reverse(f"labelling:{name}", kwargs=arguments), data, content_type="application/json"
    )


def grade_of(slot: Slot, **fields: Any) -> dict[str, Any]:
    return {
        "id": str(uuid4()), "token": str(slot.token), "kind": "grade", "grade": "bad",
        "faults": ["place"], "listened_s": HEARD_S, "heard_to_end": False, "took_s": 10.0,
    } | fields  # fmt: skip


def everything(site: Site) -> Iterator[str]:
    """Yield the address of every object of every route."""
    for route in all_routes():
        for values in examples_of(route, site).values():
            yield route.address(**values)


def test_pages_and_files_tell_no_secret(site, browser):
    opened = []
    for address in everything(site):
        cache.clear()
        answer = browser.get(address)
        learnt = secrets_in(told(answer).replace(address, ""), site)  # the log-in leads back there
        assert learnt == [], address
        if answer.status_code == 200:
            opened.append(address)
    campaign = site.labelling.open.pk
    assert f"/review/{campaign}/" in opened
    assert f"/review/leases/{site.labelling.held_gold.token}/sound" in opened


def test_the_secrets_are_told_to_leads(site):
    """So that the test above searches for what pages can tell."""
    rows = site.labelling
    page = site.browsers["lead"].get(f"/campaigns/{rows.open.pk}/pairs/{rows.disputed.pk}/")
    assert {SECRET, str(rows.disputed.scene_id)} <= set(secrets_in(told(page), site))


def test_what_scripts_are_told_holds_no_secret(site, browser):
    rows = site.labelling
    answers = [
        send(browser, "review_next", {"wanted": 6}, campaign_id=rows.open.pk),
        send(browser, "review_leases", {"tokens": [str(rows.held.token), str(uuid4())]}),
    ]
    assert len(answers[0].json()["pairs"]) > 2
    for slot in (rows.held, rows.held_gold):
        sent = grade_of(slot)
        undo = {"id": str(uuid4()), "undoes": sent["id"]}
        answers += [send(browser, "review_answer", sent), send(browser, "review_undo", undo)]
    refused = [
        send(browser, "review_answer", grade_of(rows.of_another)),
        send(browser, "review_answer", grade_of(rows.held, grade="none")),
        send(browser, "review_undo", {"id": str(uuid4()), "undoes": str(_others_answer(site))}),
    ]
    assert [answer.status_code for answer in answers] == [200] * len(answers)
    assert {answer.status_code for answer in refused} <= {404, 409, 422}
    for answer in (*answers, *refused):
        assert secrets_in(told(answer), site) == []
    assert not Grade.objects.filter(pair=rows.of_another.pair).exists()


def test_a_gold_pair_looks_like_any_other(site, browser):
    """Page, headers and answers of two pairs differ by their tokens alone."""
    rows = site.labelling
    make_alike(rows.held, rows.held_gold)
    pairs = send(browser, "review_next", {"wanted": 2}, campaign_id=rows.open.pk).json()["pairs"]
    assert {pair["token"] for pair in pairs} == {str(rows.held.token), str(rows.held_gold.token)}
    assert len({without_token(json.dumps(pair), pair["token"]) for pair in pairs}) == 1
    for part in ("photo", "sound"):
        told_of = {
            without_token(
                told(browser.get(f"/review/leases/{pair['token']}/{part}")), pair["token"]
            )
            for pair in pairs
        }
        assert len(told_of) == 1, part
    answers = [
        send(browser, "review_answer", grade_of(slot)).json()
        for slot in (rows.held, rows.held_gold)
    ]
    assert answers[0].keys() == answers[1].keys()
    first, second = (answer["progress"]["own"]["done"] for answer in answers)
    assert second == first + 1


def test_visitors_thumbs_change_nothing_that_reviewers_see(site, browser):
    rows = site.labelling
    token = rows.held.token
    addresses = [
        "/review/", f"/review/{rows.open.pk}/", f"/review/{rows.open.pk}/guideline/",
        f"/review/leases/{token}/photo", f"/review/leases/{token}/sound",
    ]  # fmt: skip

    def seen():
        queue = send(browser, "review_next", {"wanted": 2}, campaign_id=rows.open.pk)
        answers = [browser.get(address) for address in addresses]
        assert {answer.status_code for answer in (queue, *answers)} == {200}
        pairs = [
            {name: value for name, value in pair.items() if "until" not in name}
            for pair in queue.json()["pairs"]
        ]
        return pairs, [_body_without_form_token(answer) for answer in answers]

    seen()
    before = seen()
    for slot in (rows.held, rows.held_gold):
        for match in slot.pair.matches.all():
            Thumb.objects.create(
                match=match, scene_id=slot.pair.scene_id, browser_key="b", fits=False,
                reason="place",
            )  # fmt: skip
    assert Thumb.objects.filter(browser_key="b").count() == 2
    assert seen() == before


def test_an_export_of_ones_own_data_tells_no_secret(site, tmp_path):
    reviewer = site.people["reviewer"]
    export = request_export(user_id=reviewer.pk)
    run_export(export_id=export.pk, scratch_directory=tmp_path / "scratch", worker="w")
    export.refresh_from_db()
    with export.file.open() as stream, zipfile.ZipFile(stream) as archive:
        words = "\n".join(archive.read(name).decode() for name in archive.namelist())
    assert '"good"' in words
    assert secrets_in(words, site) == []


def _others_answer(site: Site) -> Any:
    return Grade.objects.filter(reviewer=site.labelling.other).values_list("answer", flat=True)[0]


def make_alike(one: Slot, other: Slot) -> None:
    """Give two pairs recordings of the same length and shape."""
    for name in ("duration_s", "peaks", "loudness_lufs", "true_peak_dbtp"):
        setattr(other.pair.clip, name, getattr(one.pair.clip, name))
    other.pair.clip.save()


def _body_without_form_token(answer: HttpResponseBase) -> str:
    return re.sub(r'(csrf\w*" value|data-token)="\w+"', "", told(answer).partition("\n")[2])


def without_token(text: str, token: str) -> str:
    """Return a text that is the same for pairs that differ by their token alone."""
    return re.sub(token, "TOKEN", text)
