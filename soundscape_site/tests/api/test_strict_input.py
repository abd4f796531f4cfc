"""Bodies and parameters are taken as JSON and the description have them, not as they look."""

from __future__ import annotations

import json

import pytest

BELL = {"name": "Emmanuel", "metal": "bronze", "weight_kg": 13}
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("soundscape_site.tests.api.tiny_api"),
]


@pytest.fixture
def cast(client, all_rights):
    def send(**changed):
        return client.post(
            "/api/v1/bells",
            json.dumps(BELL | changed),
            content_type="application/json",
            headers={"Authorization": f"Bearer {all_rights}"},
        )

    return send


def test_a_bell_is_cast(cast):
    assert cast().status_code == 201


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("name", 1, "invalid"),
        ("name", True, "invalid"),
        ("name", ["Emmanuel"], "invalid"),
        ("name", None, "null"),
        ("name", " \n", "blank"),
        ("metal", "BRONZE", "invalid_choice"),
        ("metal", 1, "invalid_choice"),
        ("weight_kg", "13", "invalid"),
        ("weight_kg", True, "invalid"),
        ("weight_kg", 1001, "max_value"),
        ("age", 1, "unknown_field"),
    ],
)
def test_what_only_looks_like_a_value_is_refused(cast, field, value, code):
    answer = cast(**{field: value})
    assert answer.status_code == 400
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [(field, code)]


@pytest.mark.parametrize("weight", ["nan", "inf", "-inf", "1e999"])
def test_a_form_can_spell_no_number_that_json_lacks(weight, client, all_rights, settings):
    answer = client.post(
        "/api/v1/bells/1/weight",
        {"weight_kg": weight},
        headers={"Authorization": f"Bearer {all_rights}"},
    )
    assert answer.status_code == 400


def test_a_form_spells_numbers(client, all_rights):
    answer = client.post(
        "/api/v1/bells/1/weight",
        {"weight_kg": "13"},
        headers={"Authorization": f"Bearer {all_rights}"},
    )
    assert answer.json() == {"weight_kg": 13.0}


def test_parameters_of_an_address_are_texts(client, all_rights):
    headers = {"Authorization": f"Bearer {all_rights}"}
    assert client.get("/api/v1/bells?page_size=2", headers=headers).status_code == 200
    answer = client.get("/api/v1/bells?page_size=two", headers=headers)
    assert answer.json()["errors"][0]["code"] == "invalid"


def test_a_method_that_is_missing_is_named_before_its_parameters_are(client, all_rights):
    headers = {"Authorization": f"Bearer {all_rights}"}
    answer = client.delete("/api/v1/bells?colour=red", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert set(answer["Allow"].split(", ")) == {"GET", "HEAD", "POST"}
