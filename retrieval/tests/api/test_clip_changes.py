"""Librarians change, withdraw and restore recordings."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest

from accounts.models import AuditEntry
from accounts.roles import Role
from accounts.tests.races import at_once
from retrieval.models import Clip
from retrieval.services.clip_care import edit_clip


@pytest.fixture
def clip(make_clip):
    return make_clip(np.full(7, 1 / 7), title="Sea", tags=["sea"], license="CC-BY-4.0")


def etag(program, clip):
    return program.get(f"/clips/{clip.pk}")["ETag"]


def change(program, clip, values, *, match):
    headers = {} if match is None else {"If-Match": match}
    return program.patch(f"/clips/{clip.pk}", json.dumps(values), headers=headers)


def refusal(answer):
    assert answer["Content-Type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


class TestChange:
    def test_it_is_stored_and_audited(self, librarian, clip):
        values = {
            "title": "Surf", "tags": ["surf", "sea"], "author": "Ana", "license": "CC0-1.0",
            "license_url": "https://example.org/l", "source_url": "https://example.org/s",
            "collection": "Coast",
        }  # fmt: skip
        answer = change(librarian, clip, values, match=etag(librarian, clip))
        assert answer.status_code == 200, answer.content
        assert {name: answer.json()[name] for name in values} == values
        row = Clip.objects.get()
        assert {name: getattr(row, name) for name in values} == values
        entry = AuditEntry.objects.get(action="clip.edited")
        assert entry.actor_id == librarian.person.pk
        assert entry.detail["changed"]["title"] == {"old": "Sea", "new": "Surf"}

    def test_the_answer_has_the_next_version(self, librarian, clip):
        first = etag(librarian, clip)
        answer = change(librarian, clip, {"title": "Surf"}, match=first)
        assert answer["ETag"] == etag(librarian, clip) != first
        assert change(librarian, clip, {"title": "Bay"}, match=answer["ETag"]).status_code == 200

    def test_nobody_overwrites_what_they_have_not_read(self, librarian, clip):
        old = etag(librarian, clip)
        assert change(librarian, clip, {"title": "Surf"}, match=old).status_code == 200
        stale = change(librarian, clip, {"author": "Bo"}, match=old)
        assert refusal(stale) == (412, "version_conflict")
        assert change(librarian, clip, {"author": "Bo"}, match=f"W/{old}").status_code == 412
        missing = change(librarian, clip, {"author": "Bo"}, match=None)
        assert refusal(missing) == (428, "precondition_required")
        assert Clip.objects.get().author == "Somebody"
        assert change(librarian, clip, {"author": "Bo"}, match="*").status_code == 200

    def test_a_change_in_the_admin_counts(self, librarian, clip):
        old = etag(librarian, clip)
        clip.author = "Cy"
        edit_clip(clip=clip, fields=["author"], actor_id=1)
        assert change(librarian, clip, {"title": "Surf"}, match=old).status_code == 412

    def test_a_licence_brings_its_address(self, librarian, clip):
        answer = change(librarian, clip, {"license": "CC-BY-SA-4.0"}, match="*").json()
        assert answer["license_url"] == "https://creativecommons.org/licenses/by-sa/4.0/"
        own = {"license_url": "https://example.org/mine"}
        change(librarian, clip, own, match="*")
        assert (
            change(librarian, clip, {"title": "X"}, match="*").json()["license_url"]
            == own["license_url"]
        )
        emptied = change(librarian, clip, {"license_url": ""}, match="*").json()
        assert emptied["license_url"].endswith("/by-sa/4.0/")

    @pytest.mark.parametrize(
        ("values", "code"),
        [
            ({"title": ""}, "blank"),
            ({"title": None}, "null"),
            ({"title": "x" * 301}, "max_length"),
            ({"title": "a\x00b"}, "invalid_characters"),
            ({"license": "MIT"}, "invalid_choice"),
            ({"license": ""}, "licence_required"),
            ({"source_url": "javascript:alert(1)"}, "invalid_url"),
            ({"tags": "sea"}, "not_a_list"),
            ({"tags": ["a;b"]}, "invalid_tag"),
            ({"tags": [1, {}]}, "invalid"),
            ({"duration_s": 5}, "unknown_field"),
            ({"withdrawn_reason": "x"}, "unknown_field"),
            ([], "invalid"),
        ],
    )
    def test_what_is_not_valid_is_refused(self, librarian, clip, values, code):
        assert refusal(change(librarian, clip, values, match="*")) == (400, code)
        clip.refresh_from_db()
        assert (clip.title, clip.tags) == ("Sea", ["sea"])

    def test_librarians_only(self, reader, program, clip):
        assert refusal(change(reader, clip, {"title": "X"}, match="*")) == (403, "scope_missing")
        former = program("clips:read", "clips:write")
        assert refusal(change(former, clip, {"title": "X"}, match="*")) == (403, "role_missing")
        operator = program("clips:write", roles=[Role.OPERATOR])
        assert change(operator, clip, {"title": "X"}, match="*").status_code == 200

    def test_an_unknown_recording(self, librarian, clip):
        answer = librarian.patch("/clips/999999", "{}", headers={"If-Match": "*"})
        assert refusal(answer) == (404, "not_found")


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_of_changes_at_once_to_one_version_one_is_stored(librarian, clip):
    seen, answers = etag(librarian, clip), {}

    def send(title):
        answers[title] = change(librarian, clip, {"title": title}, match=seen).status_code

    titles = [f"Title {number}" for number in range(6)]
    assert at_once(*(partial(send, title) for title in titles)) == [None] * 6
    assert sorted(answers.values()) == [200] + [412] * 5
    assert answers[Clip.objects.get().title] == 200
    assert AuditEntry.objects.filter(action="clip.edited").count() == 1


class TestWithdraw:
    def act(self, program, clip, action, values=None):
        body = json.dumps({"reason": "rights"} if values is None else values)
        return program.post(f"/clips/{clip.pk}/{action}", body)

    def test_there_and_back(self, librarian, reader, clip):
        answer = self.act(librarian, clip, "withdraw")
        assert (answer.status_code, answer.json()["withdrawn_reason"]) == (200, "rights")
        assert answer.json()["removed_in"]
        assert reader.get(f"/clips/{clip.pk}").status_code == 404
        again = self.act(librarian, clip, "withdraw", {"reason": "other"})
        assert refusal(again) == (409, "already_withdrawn")
        restored = self.act(librarian, clip, "restore")
        assert (restored.status_code, restored.json()["removed_in"]) == (200, None)
        assert refusal(self.act(librarian, clip, "restore")) == (409, "not_withdrawn")
        actions = AuditEntry.objects.filter(subject=f"clip {clip.pk}").order_by("at")
        assert list(actions.values_list("action", "actor_id")) == [
            ("clip.withdrawn", librarian.person.pk),
            ("clip.restored", librarian.person.pk),
        ]

    @pytest.mark.parametrize("action", ["withdraw", "restore"])
    def test_refusals(self, librarian, reader, clip, action):
        for values, code in (({}, "required"), ({"reason": " "}, "blank")):
            assert refusal(self.act(librarian, clip, action, values)) == (400, code)
        assert refusal(self.act(reader, clip, action)) == (403, "scope_missing")
        for unknown in (999_999, 10**30):
            clip.pk = unknown
            assert refusal(self.act(librarian, clip, action)) == (404, "not_found")
