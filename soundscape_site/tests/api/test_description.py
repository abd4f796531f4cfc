"""The API's description (OpenAPI 3.1): what it says, where it is, how it is made."""

from __future__ import annotations

import io
import json
import re

import pytest
from django.core.management import call_command
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator

from accounts.scopes import Scope
from soundscape_site.api.description import description, description_json, operations
from soundscape_site.settings.paths import BASE_DIR
from soundscape_site.tests.api import tiny_api

CHECKED_IN = BASE_DIR / "docs" / "openapi.json"
WRITE_IT = (
    "docs/openapi.json is not what the program says. Write it anew, and read what changed for "
    "programs: .venv/bin/python manage.py spectacular --format openapi-json --validate "
    "--fail-on-warn --file docs/openapi.json"
)


@pytest.fixture(scope="module")
def tiny():
    generated = SchemaGenerator(patterns=tiny_api.urlpatterns).get_schema(request=None, public=True)
    validate_schema(generated)
    return json.loads(OpenApiJsonRenderer().render(generated))


def operation_of(found, name):
    return next(one for one in operations(found) if one["operationId"] == name)


def test_each_operation_names_the_scope_that_it_needs(tiny):
    assert operation_of(tiny, "castBell")["x-scope"] == "clips:write"
    assert operation_of(tiny, "meltBell")["x-scope"] == "clips:write"
    assert "x-scope" not in operation_of(tiny, "listBells")


def test_a_key_is_needed_and_its_scheme_is_described(tiny):
    assert all(one["security"] == [{"key": []}] for one in operations(tiny))
    assert tiny["components"]["securitySchemes"]["key"]["scheme"] == "bearer"


def test_an_upload_is_a_file_and_no_address(tiny):
    sound = tiny["components"]["schemas"]["NewSoundRequest"]["properties"]["sound"]
    assert sound == {"type": "string", "contentMediaType": "application/octet-stream"}


def test_null_is_a_type_as_in_json_schema(tiny):
    created = tiny["components"]["schemas"]["Bell"]["properties"]["created"]
    assert created == {"type": ["string", "null"], "format": "date-time"}


def test_unknown_fields_are_refused_in_bodies_only(tiny):
    schemas = tiny["components"]["schemas"]
    assert schemas["NewBellRequest"]["additionalProperties"] is False
    assert "additionalProperties" not in schemas["Bell"]


def test_white_space_is_no_text_where_one_is_needed(tiny):
    name = tiny["components"]["schemas"]["NewBellRequest"]["properties"]["name"]
    assert name["minLength"] == 1
    pattern = re.compile(name["pattern"])
    assert pattern.search("x")
    assert not any(pattern.search(text) for text in (" ", "\t\x1d", "\x85"))


def test_the_pattern_of_a_field_is_kept():
    given = operation_of(description(), "clips_list")["parameters"]
    patterns = {one["name"]: re.compile(one["schema"].get("pattern", "")) for one in given}
    assert patterns["license"].search("CC0-1.0,CC-BY-4.0")
    assert not patterns["license"].search("MIT")
    assert patterns["tag"].search("rain on a roof")
    assert not any(patterns["tag"].search(text) for text in ("rain;roof", "  "))


def test_the_names_that_can_be_selected_are_those_of_the_entries(tiny):
    parameters = {one["name"]: one for one in operation_of(tiny, "listBells")["parameters"]}
    pattern = re.compile(parameters["fields"]["schema"]["pattern"])
    assert pattern.search("id,created")
    assert not pattern.search("results")
    assert not pattern.search("id,")


def test_problems_are_described_once(tiny):
    refusal = operation_of(tiny, "castBell")["responses"]["422"]
    content = refusal["content"]["application/problem+json"]
    assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
    assert refusal["description"]


def test_bodies_and_answers_have_examples(tiny):
    cast = operation_of(tiny, "castBell")
    body = cast["requestBody"]["content"]["application/json"]["example"]
    assert body["metal"] == "bronze"
    assert body["weight_kg"] >= 1
    assert cast["responses"]["201"]["content"]["application/json"]["example"]["id"] == 1


def test_examples_are_what_their_schemas_say():
    """Of answers; those of requests are sent by other tests."""
    found = description()
    schemas = {"components": found["components"]}
    for one in operations(found):
        for status, answer in one["responses"].items():
            content = answer.get("content", {}).get("application/json")
            if content:
                schema = content["schema"] | schemas
                faults = list(Draft202012Validator(schema).iter_errors(content["example"]))
                assert not faults, (one["operationId"], status, faults)


def test_a_photo_that_waits_has_no_result_and_one_that_is_done_has():
    def example(name, status):
        answers = operation_of(description(), name)["responses"]
        return answers[status]["content"]["application/json"]["example"]

    waits = example("scenes_create", "202")
    assert (waits["state"], waits["finished_at"], waits["matches"]) == ("queued", None, [])
    for name, status in (("scenes_create", "201"), ("scene_get", "200"), ("scene_rematch", "200")):
        done = example(name, status)
        assert (done["state"], done["failure"]) == ("done", None)
        assert done["finished_at"]
        assert done["matches"]
    assert example("scene_rematch", "202")["rematch"]["state"] == "queued"


def test_addresses_in_examples_are_addresses():
    texts = list(_texts([one["responses"] for one in operations(description())], ""))
    addresses = [text for name, text in texts if name == "url" or name.endswith("_url")]
    assert addresses
    assert all(text.startswith("https://") for text in addresses if text)


def _texts(part, name):
    if isinstance(part, dict):
        part = part.items() if name != "schema" else ()
        for key, value in part:
            yield from _texts(value, key)
    elif isinstance(part, list):
        for one in part:
            yield from _texts(one, name)
    elif isinstance(part, str):
        yield name, part


def test_what_docstrings_say_to_programmers_is_not_described(tiny):
    assert not any("description" in one for one in operations(tiny))


def test_the_schema_is_valid_and_made_without_a_warning():
    written = io.StringIO()
    call_command(
        "spectacular", "--format", "openapi-json", "--validate", "--fail-on-warn", stdout=written
    )
    assert json.loads(written.getvalue()) == description()


def test_the_checked_in_description_is_the_programs():
    assert json.loads(CHECKED_IN.read_text()) == description(), WRITE_IT


def test_every_operation_is_described_for_programs_and_people():
    named = [one["operationId"] for one in operations(description())]
    assert len(set(named)) == len(named)
    for one in operations(description()):
        assert one["summary"], one["operationId"]
        assert one.get("x-scope", "scenes:write") in Scope.values


def test_the_description_needs_no_key_and_can_be_cached(client):
    answer = client.get("/api/v1/schema")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    assert answer.content == description_json()[0]
    assert "public" in answer["Cache-Control"]
    again = client.get("/api/v1/schema", headers={"If-None-Match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.post("/api/v1/schema").status_code == 405
