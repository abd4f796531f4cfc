"""The tag `models` reports unusable weights, and nothing else is held up by them."""

from __future__ import annotations

import numpy as np
import pytest
from django.core import checks
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand

from retrieval.checks import ERROR_IDS, weights_problems
from retrieval.engine.networks.weights import ALL_WEIGHTS


@pytest.fixture
def models_directory(settings, tmp_path):
    """A models directory that is empty."""
    settings.SOUNDSCAPE_MODELS_DIRECTORY = tmp_path / "models"
    settings.SOUNDSCAPE_MODELS_DIRECTORY.mkdir()
    return settings.SOUNDSCAPE_MODELS_DIRECTORY


def test_the_tag_reports_every_missing_model_with_what_to_do(models_directory):
    with pytest.raises(CommandError) as caught:
        call_command("check", tags=["models"])

    report = str(caught.value)
    assert report.count("retrieval.E001") == len(ALL_WEIGHTS)
    assert report.count("HINT: `manage.py fetch_models`") == len(ALL_WEIGHTS)
    for spec in ALL_WEIGHTS:
        assert str(models_directory / spec.converted_name) in report


def test_altered_weights_have_a_number_of_their_own(models_directory):
    for spec in ALL_WEIGHTS:
        np.savez(models_directory / spec.converted_name, forged=np.zeros(3, dtype=np.float32))

    assert [problem.id for problem in weights_problems()] == ["retrieval.E002"] * len(ALL_WEIGHTS)


def test_other_checks_and_commands_are_not_held_up(models_directory, capsys):
    class NeedsNoModel(BaseCommand):
        def handle(self, **options):
            return "done"

    call_command("check")
    call_command("check", tags=["urls"])
    call_command(NeedsNoModel(), skip_checks=False)

    assert "done" in capsys.readouterr().out


def test_asking_once_does_not_ask_for_ever(models_directory):
    with pytest.raises(CommandError):
        call_command("check", tags=["models"])

    assert not {issue.id for issue in checks.run_checks()} & set(ERROR_IDS.values())


@pytest.mark.weights
def test_the_weights_of_this_checkout_pass(capsys):
    call_command("check", tags=["models"])

    assert "no issues" in capsys.readouterr().out
