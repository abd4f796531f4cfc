"""The networks in use are chosen by the setting and by the weight files that are present."""

from __future__ import annotations

import pytest

from retrieval.engine.networks.weights import (
    ALL_WEIGHTS,
    EFFICIENTNET_LITE0,
    MOBILENET_V2,
    SOUNDNET_8,
    YAMNET,
)
from retrieval.selectors.networks import (
    available_spaces,
    ignores_sounds,
    image_network,
    missing_requirements,
)


@pytest.fixture(autouse=True)
def every_network():
    """Use real files here."""


@pytest.fixture
def directory(settings, tmp_path):
    settings.SOUNDSCAPE_MODELS_DIRECTORY = tmp_path
    return tmp_path


def add(directory, *specs):
    for spec in specs:
        (directory / spec.converted_name).touch()


@pytest.mark.parametrize(
    ("setting", "present", "expected"),
    [
        ("auto", [MOBILENET_V2, EFFICIENTNET_LITE0], MOBILENET_V2),
        ("auto", [MOBILENET_V2], MOBILENET_V2),
        ("auto", [EFFICIENTNET_LITE0], EFFICIENTNET_LITE0),
        ("auto", [], MOBILENET_V2),
        ("mobilenet", [EFFICIENTNET_LITE0], MOBILENET_V2),
        ("efficientnet-lite0", [MOBILENET_V2, EFFICIENTNET_LITE0], EFFICIENTNET_LITE0),
        ("efficientnet-lite0", [MOBILENET_V2], EFFICIENTNET_LITE0),
    ],
)
def test_the_image_network(settings, directory, setting, present, expected):
    settings.SOUNDSCAPE_IMAGE_MODEL = setting
    add(directory, *present)
    assert image_network() is expected


def test_mobilenet_is_used_as_soon_as_it_arrives(directory):
    add(directory, EFFICIENTNET_LITE0)
    assert image_network() is EFFICIENTNET_LITE0
    add(directory, MOBILENET_V2)
    assert image_network() is MOBILENET_V2


def test_recordings_are_profiled_by_sounds_only_with_yamnet(settings, directory):
    assert [space.name for space in available_spaces()] == ["objects"]
    assert ignores_sounds()
    settings.SOUNDSCAPE_MATCHER = "paper"
    assert not ignores_sounds()
    settings.SOUNDSCAPE_MATCHER = "heard"
    add(directory, YAMNET)
    assert [space.name for space in available_spaces()] == ["objects", "heard"]
    assert not ignores_sounds()


def test_soundnet_and_one_image_network_are_required(settings):
    assert missing_requirements(ALL_WEIGHTS) == []
    assert missing_requirements([SOUNDNET_8, EFFICIENTNET_LITE0]) == []
    assert missing_requirements([YAMNET, MOBILENET_V2]) == [SOUNDNET_8]
    assert missing_requirements([SOUNDNET_8]) == [MOBILENET_V2, EFFICIENTNET_LITE0]
    settings.SOUNDSCAPE_IMAGE_MODEL = "mobilenet"
    assert missing_requirements([SOUNDNET_8, EFFICIENTNET_LITE0]) == [MOBILENET_V2]
