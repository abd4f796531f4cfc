"""The readable page of the API."""

from __future__ import annotations

import json
import re
import shlex
from datetime import timedelta
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from jsonschema import Draft202012Validator, ValidationError
from soundscape_client import Client

from accounts.services.api_keys import make_key
from accounts.tests.role_holders import make_person
from retrieval.jobs import transitions
from retrieval.models import TEST_EVENT, Scene, WebhookDelivery, WebhookEvent
from retrieval.services.webhooks import make_webhook, public_url
from retrieval.tests.webhooks.receivers import HOST, PUBLIC, PretendedNetwork
from soundscape_site.api.codes import all_codes
from soundscape_site.api.description import description, operations
from soundscape_site.api.example_calls import CLIENT
from soundscape_site.api.prose import SAMPLE_MESSAGE, SIGNATURE_CHECK
from soundscape_site.api.reference import _marked_up, groups, groups_of
from soundscape_site.tests.api import tiny_api

BASE = "https://sounds.example"


@pytest.fixture(scope="module")
def tiny():
    generated = SchemaGenerator(patterns=tiny_api.urlpatterns).get_schema(request=None, public=True)
    found = groups_of(json.loads(OpenApiJsonRenderer().render(generated)), BASE)
    return {one.name: one for group in found for one in group.operations}


def everything():
    return [one for group in groups(BASE) for one in group.operations]


def operation_named(name):
    return next(one for one in everything() if one.name == name)


def test_examples_of_the_client_belong_to_operations():
    assert CLIENT.keys() <= {one.name for one in everything()}


def test_no_operation_is_missing():
    assert {one.name for one in everything()} == {
        one["operationId"] for one in operations(description())
    }


def test_every_operation_has_an_example_in_curl_and_one_in_python(tiny):
    for one in [*tiny.values(), *everything()]:
        words = shlex.split(one.curl.replace("\\\n", " "))
        assert words[0] == "curl", one.name
        assert any(word.startswith(BASE + "/api/v1/") and "{" not in word for word in words)
        assert "Authorization: Bearer $SOUNDSCAPE_KEY" in words
        compile(one.python, one.name, "exec")
        assert BASE in one.python
        assert "SOUNDSCAPE_KEY" in one.python
        compile(one.client, one.name, "exec")


def test_examples_show_what_is_sent(tiny):
    cast = tiny["castBell"]
    words = shlex.split(cast.curl.replace("\\\n", " "))
    body = json.loads(words[words.index("-d") + 1])
    assert body["metal"] == "bronze"
    assert "Content-Type: application/json" in words
    assert any(word.startswith("Idempotency-Key: ") for word in words)
    assert "json.dumps(body)" in cast.python


def test_an_example_of_an_upload_sends_a_file_as_a_form(tiny):
    record = tiny["recordBell"]
    assert "-F sound=@file" in record.curl
    assert 'Path("file").read_bytes()' in record.python


def test_the_python_of_a_form_makes_a_form(tiny, tmp_path, monkeypatch):
    """Without its last part, which sends it."""
    (tmp_path / "file").write_bytes(b"ding")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(tiny["recordBell"].python.partition("request =")[0], names)  # our own
    parts = names["body"].split(f"--{names['boundary']}".encode())
    assert parts[1].endswith(b'name="sound"; filename="file"\r\n\r\nding\r\n')
    assert parts[-1] == b"--\r\n"


@pytest.mark.parametrize("name", sorted(CLIENT))
def test_examples_with_the_client_call_methods_that_it_has(name):
    called = re.findall(r"client\.(\w+)\(", CLIENT[name])
    assert called
    assert all(callable(getattr(Client, method)) for method in called)
    compile(CLIENT[name], name, "exec")


def test_fields_have_types_and_meanings(tiny):
    fields = {one.name: one for one in tiny["castBell"].bodies[0].fields}
    assert fields["metal"].kind == "bronze, iron"
    assert fields["metal"].required
    assert fields["weight_kg"].kind == "number, at least 1, at most 1000"
    answered = {one.name: one for one in tiny["listBells"].answers[0].body.fields}
    assert answered["results[].name"].meaning == "What is cast on it."
    assert answered["results[].created"].kind == "string (date-time) or null"


def test_code_in_a_text_is_marked_and_markup_is_escaped():
    assert _marked_up("`a<b` & c") == "<code>a&lt;b</code> &amp; c"


@pytest.mark.django_db
def test_the_page_needs_no_key_and_explains_every_code(client):
    answer = client.get("/api/v1/docs")
    assert answer.status_code == 200
    page = answer.content.decode()
    for code in all_codes():
        assert f'id="{code.name}"' in page, code.name
    for one in everything():
        assert f'id="{one.name}"' in page


@pytest.mark.django_db
def test_each_anchor_is_there_once(client):
    page = client.get("/api/v1/docs").content.decode()
    anchors = re.findall(r'\sid="([^"]+)"', page)
    assert len(set(anchors)) == len(anchors)
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(anchors)


def test_the_check_of_a_signature_is_that_of_the_standard():
    """Against the example that Standard Webhooks publishes."""
    names: dict[str, Any] = {}
    exec(SIGNATURE_CHECK, names)  # our own
    names["time"] = type("Clock", (), {"time": staticmethod(lambda: 1614265330)})
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    body = b'{"test": 2432232314}'
    assert names["is_ours"](secret, headers, body)
    assert not names["is_ours"](secret, headers, body + b" ")
    assert not names["is_ours"](secret, headers | {"webhook-timestamp": "1614200000"}, body)


def message_format(event):
    """Return what the description says of the body of a message."""
    content = description()["webhooks"][event]["post"]["requestBody"]["content"]
    schema = content["application/json"]["schema"] | {"components": description()["components"]}
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def test_every_message_is_described():
    assert set(description()["webhooks"]) == {*WebhookEvent.values, TEST_EVENT}


def test_the_example_of_a_message_is_such_as_receivers_get(db):
    user = make_person("ada")
    key, _ = make_key(
        user_id=user.pk, name="test", scopes=["scenes:write"], valid_for=timedelta(days=1)
    )
    network = PretendedNetwork()
    network.names[HOST] = [[PUBLIC]]
    url = public_url(url=f"https://{HOST}/", network=network)
    make_webhook(key=key, url=url, events=["scene.failed"])
    scene = Scene.objects.create(
        owner=user,
        photo_sha256="ab" * 32,
        photo="p.jpg",
        model_input="p.rgb",
        width_px=3,
        height_px=2,
    )
    held = transitions.claim(Scene, scene.pk, owner="w", lease=timedelta(minutes=1))
    assert held is not None
    transitions.fail(held, code="decode_failed", detail="x")
    sent = json.loads(WebhookDelivery.objects.get().payload)
    shown = json.loads(SAMPLE_MESSAGE)
    assert sent.keys() == shown.keys()
    assert sent["data"].keys() == shown["data"].keys()
    assert sent["data"]["path"] == shown["data"]["path"].replace(shown["data"]["id"], str(scene.pk))
    message_format("scene.failed").validate(sent)
    with pytest.raises(ValidationError):
        message_format("import.failed").validate(sent)


def test_an_example_of_a_batch_sends_several_files_with_their_names():
    batch = operation_named("scenes_create_batch")
    words = shlex.split(batch.curl.replace("\\\n", " "))
    assert words.count("photo=@a.jpg") == words.count("photo=@b.jpg") == 1
    assert batch.python.count('name="photo"; filename=') == 2


def test_a_list_in_a_form_is_a_field_for_each_entry():
    clip = operation_named("clips_create")
    words = shlex.split(clip.curl.replace("\\\n", " "))
    assert [word for word in words if word.startswith("tags=")] == ["tags=rain", "tags=roof"]
    assert clip.python.count('name="tags"') == 2
    kinds = {field.name: field.kind for field in clip.bodies[0].fields}
    assert "once for each entry" in kinds["tags"]


def test_examples_of_addresses_are_written_as_addresses_are():
    assert "commercial_use=true" in operation_named("clips_list").curl
    for one in everything():
        assert "=None" not in one.curl, one.name
        assert "=['" not in one.curl, one.name


def test_fields_of_a_photo_are_shown_once():
    sent, read = operation_named("scenes_create"), operation_named("scene_get")
    first, again = sent.answers[0].body, read.answers[0].body
    assert first.like is None
    assert {"matches[].score", "run.snapshot"} <= {field.name for field in first.fields}
    assert (again.fields, again.like.anchor) == ((), first.anchor)
    listed = {one.name: one for one in operation_named("scenes_list").answers[0].body.fields}
    assert "matches" in listed["results"].like.without


def test_fields_have_their_defaults():
    fields = {one.name: one.kind for one in operation_named("scenes_create").bodies[0].fields}
    assert fields["visibility"].endswith("default unlisted")
    assert fields["judging_allowed"].endswith("default false")


@pytest.mark.django_db
def test_limits_are_those_of_the_settings(client, settings):
    settings.SOUNDSCAPE_API_KEY_LIMITS = (611, 51_234)
    settings.SOUNDSCAPE_USER_LIMITS = (2_345, 0, 67)
    page = client.get("/api/v1/docs").content.decode()
    cells = re.findall(r"<td>([^<]*)</td>", page[page.index('id="limits"') :])
    assert cells[:3] == ["Requests with one key", "611", "51,234"]
    assert cells[6:12] == [
        "Photos of one account", "67", "2,345",
        "Megabytes of photos of one account", "-", "no limit",
    ]  # fmt: skip


@pytest.mark.django_db
def test_webhooks_come_before_what_only_reviewers_need(client):
    page = client.get("/api/v1/docs").content.decode()
    places = [
        page.index(f'<h2 id="{one}"')
        for one in ("introduction", "photos", "webhooks", "grading", "reports")
    ]
    assert places == sorted(places)
    assert page.index('id="limits"') < page.index('id="scenes_create"')
    assert page.index('id="scenes_create"') < page.index('id="scenes_create_batch"')
    assert page.index('id="scenes_create_batch"') < page.index('id="scene_get"')
