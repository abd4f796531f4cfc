"""The check with the tag `models` reports unusable weights."""

from __future__ import annotations

import numpy as np
import pytest
from django.core import checks
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand

from retrieval.checks import ERROR_IDS, weights_problems
from retrieval.engine.errors import WeightsError
from retrieval.engine.networks.weights import (
    ALL_WEIGHTS,
    EFFICIENTNET_LITE0,
    MOBILENET_V2,
    SOUNDNET_8,
    YAMNET,
)


@pytest.fixture
def models_directory(settings, tmp_path):
    """An empty models directory."""
    settings.SOUNDSCAPE_MODELS_DIRECTORY = tmp_path / "models"
    settings.SOUNDSCAPE_MODELS_DIRECTORY.mkdir()
    return settings.SOUNDSCAPE_MODELS_DIRECTORY


REQUIRED = (MOBILENET_V2, EFFICIENTNET_LITE0, SOUNDNET_8)


def test_the_tag_reports_each_missing_network_that_is_needed(models_directory):
    with pytest.raises(CommandError) as caught:
        call_command("check", tags=["models"])

    report = str(caught.value)
    assert report.count("retrieval.E001") == len(REQUIRED)
    assert report.count("HINT: `manage.py fetch_models`") == len(REQUIRED)
    for spec in REQUIRED:
        assert str(models_directory / spec.converted_name) in report


@pytest.mark.parametrize(
    ("image_model", "present", "reported"),
    [
        ("auto", [MOBILENET_V2, SOUNDNET_8], []),
        ("auto", [EFFICIENTNET_LITE0, SOUNDNET_8], []),
        ("auto", [MOBILENET_V2, EFFICIENTNET_LITE0, YAMNET], [SOUNDNET_8]),
        ("mobilenet", [EFFICIENTNET_LITE0, SOUNDNET_8], [MOBILENET_V2]),
        ("efficientnet-lite0", [MOBILENET_V2, SOUNDNET_8], [EFFICIENTNET_LITE0]),
    ],
)
def test_a_missing_network_that_is_not_needed_is_no_problem(
    models_directory, settings, monkeypatch, image_model, present, reported
):
    def load(spec, _):
        if spec not in present:
            raise WeightsError("missing", code="weights_missing")

    monkeypatch.setattr("retrieval.checks.load_arrays", load)
    settings.SOUNDSCAPE_IMAGE_MODEL = image_model

    problems = weights_problems()

    assert [problem.obj for problem in problems] == [spec.name for spec in reported]
    assert {problem.id for problem in problems} <= {"retrieval.E001"}


def test_altered_weights_have_their_own_id(models_directory):
    for spec in ALL_WEIGHTS:
        np.savez(models_directory / spec.converted_name, forged=np.zeros(3, dtype=np.float32))

    assert [problem.id for problem in weights_problems()] == ["retrieval.E002"] * len(ALL_WEIGHTS)


def test_other_checks_and_commands_need_no_weights(models_directory, capsys):
    class NeedsNoModel(BaseCommand):
        def handle(self, **options):
            return "done"

    call_command("check")
    call_command("check", tags=["urls"])
    call_command(NeedsNoModel(), skip_checks=False)

    assert "done" in capsys.readouterr().out


def test_the_check_is_disabled_again_afterwards(models_directory):
    with pytest.raises(CommandError):
        call_command("check", tags=["models"])

    assert not {issue.id for issue in checks.run_checks()} & set(ERROR_IDS.values())


@pytest.mark.weights("image", "soundnet")
def test_the_real_weights_pass(capsys):
    call_command("check", tags=["models"])

    assert "no issues" in capsys.readouterr().out
