"""The networks in use are chosen by the setting and by the weight files that are present."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.engine.networks.weights import (
    ALL_WEIGHTS,
    EFFICIENTNET_LITE0,
    MOBILENET_V2,
    SOUNDNET_8,
    YAMNET,
    YAMNET_INT8,
)
from retrieval.engine.spaces.space import heard, objects
from retrieval.models import ClipProfile
from retrieval.selectors.matchers import matcher_in_force
from retrieval.selectors.networks import (
    available_spaces,
    has_sound_network,
    ignores_sounds,
    image_network,
    missing_requirements,
    sound_network,
)


@pytest.fixture(autouse=True)
def every_network():
    """Use real files here."""


@pytest.fixture
def directory(settings, tmp_path):
    settings.SOUNDSCAPE_MODELS_DIRECTORY = tmp_path
    return tmp_path


def profile(clip, space):
    return ClipProfile.objects.create(
        clip=clip,
        space_id=space.name,
        classes=len(space),
        model_version=space.audio_model,
        distribution=np.full(len(space), 1 / len(space)),
        added_in=clip.added_in,
    )


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


@pytest.mark.django_db
def test_the_sound_network_is_that_of_the_first_profile(settings, directory, make_clip):
    assert not has_sound_network()
    add(directory, YAMNET)
    assert sound_network() is YAMNET
    add(directory, YAMNET_INT8)
    assert sound_network() is YAMNET_INT8  # an empty library
    clip = make_clip(np.full(7, 1 / 7))
    by_float = profile(clip, heard(sounds=YAMNET.model_version))
    assert sound_network() is YAMNET
    assert [space.audio_model for space in available_spaces()] == [
        objects().audio_model,
        by_float.model_version,
    ]
    assert matcher_in_force("heard").audio_models["heard"] == by_float.model_version
    settings.SOUNDSCAPE_SOUND_MODEL = "yamnet-int8"
    assert sound_network() is YAMNET_INT8
    by_integers = profile(clip, heard(sounds=YAMNET_INT8.model_version))
    assert matcher_in_force("heard").audio_models["heard"] == by_integers.model_version
    settings.SOUNDSCAPE_SOUND_MODEL = "auto"
    assert sound_network() is YAMNET  # one import with another setting changes nothing
    assert matcher_in_force("heard").audio_models["heard"] == by_float.model_version
    by_float.delete()
    assert sound_network() is YAMNET_INT8


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
