"""Reports as JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from labelling.reporting.report import Headline, ShareFigure
from labelling.reporting.report_json import from_json, to_json
from labelling.reporting.stored_format import StoredFormatError
from labelling.tests.report_examples import FULL

STORED = Path(__file__).parents[1] / "stored" / "report-1.json"


def test_a_report_comes_back_as_it_was_written():
    again = from_json(to_json(FULL))
    assert again == FULL
    assert list(again.slices) == ["strength", "a", "scenery"]
    assert isinstance(again.headline.graders_per_pair, float)


def test_figures_that_json_does_not_have_are_refused():
    with pytest.raises(ValueError, match="JSON"):
        to_json(replace(FULL, headline=Headline(ShareFigure(1, float("nan")), "", 0, 2.0)))


def test_fields_that_are_newer_than_the_text_take_their_default():
    stored = json.loads(to_json(FULL))
    del stored["headline"]["share"]["effective_n"]
    assert from_json(json.dumps(stored)).headline.share.effective_n is None


def test_fields_that_are_gone_are_ignored():
    stored = json.loads(to_json(FULL))
    stored["gone"] = stored["headline"]["share"]["gone"] = [1]
    assert from_json(json.dumps(stored)) == FULL


def test_a_report_of_the_first_version_is_read():
    report = from_json(STORED.read_text())
    assert report.headline == FULL.headline
    assert FULL.comparison is not None
    assert report.comparison == replace(
        FULL.comparison, tested=0, tested_only_first=0, tested_only_second=0
    )


def test_another_format_is_refused():
    stored = json.loads(to_json(FULL)) | {"format": 2}
    with pytest.raises(StoredFormatError, match="stored in format 2; this program reads format 1"):
        from_json(json.dumps(stored))
