"""Reports as JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from labelling.reporting.report import Headline, ShareFigure
from labelling.reporting.report_json import from_json, to_json
from labelling.tests.report_examples import FULL


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
