"""`GET /models`."""

from __future__ import annotations

import pytest

from retrieval.engine.networks.weights import MOBILENET_V2, SOUND_NETWORKS, YAMNET_INT8
from retrieval.models import HeardOverride
from retrieval.selectors import networks
from retrieval.selectors.matchers import matcher_in_force


@pytest.fixture
def anybody(program):
    """A program whose key has nothing to do with recordings."""
    return program("labels:read")


def test_it_names_what_a_match_names(anybody, settings):
    found = anybody.get("/models").json()
    assert [matcher["name"] for matcher in found["matchers"]] == ["paper", "heard", "fused"]
    default = [matcher["name"] for matcher in found["matchers"] if matcher["default"]]
    assert default == [settings.SOUNDSCAPE_MATCHER]
    matcher = matcher_in_force("fused")
    fused = found["matchers"][2]
    assert (fused["version"], fused["bank"]) == (matcher.version, matcher.bank.version)
    spaces = {space["name"]: space for space in fused["spaces"]}
    assert {name: space["image_model"] for name, space in spaces.items()} == matcher.image_models
    assert {name: space["audio_model"] for name, space in spaces.items()} == matcher.audio_models
    assert (spaces["heard"]["classes"], spaces["heard"]["vocabulary"]) == (521, "audioset")
    assert (spaces["objects"]["classes"], spaces["objects"]["vocabulary"]) == (1000, "imagenet")


def test_it_names_the_networks_files(anybody):
    found = {network["name"]: network for network in anybody.get("/models").json()["networks"]}
    assert found[MOBILENET_V2.name]["source_sha256"] == MOBILENET_V2.source_sha256
    assert found[YAMNET_INT8.name]["content_sha256"] == YAMNET_INT8.content_sha256
    assert all(network["present"] for network in found.values())


def test_without_yamnet_the_paper_is_in_force(anybody, monkeypatch):
    monkeypatch.setattr(networks, "is_present", lambda spec: spec not in SOUND_NETWORKS)
    monkeypatch.setattr(
        "retrieval.selectors.models_in_force.is_present", lambda spec: spec not in SOUND_NETWORKS
    )
    found = anybody.get("/models").json()
    assert [(one["name"], one["default"]) for one in found["matchers"]] == [("paper", True)]
    absent = [one["name"] for one in found["networks"] if not one["present"]]
    assert absent == [YAMNET_INT8.name]


def test_a_changed_table_has_another_version(anybody):
    before = anybody.get("/models").json()["sound_table"]
    override = HeardOverride.objects.create(wnid="n09428293", sounds={"Wind": 1.0}, why="dunes")
    after = anybody.get("/models").json()["sound_table"]
    assert (before["override"], after["override"]) == (0, override.pk)
    assert before["version"] != after["version"]


def test_it_needs_a_key(client, db):
    for address in ("/api/v1/models", "/api/v1/library/snapshots"):
        assert client.get(address).status_code == 401
