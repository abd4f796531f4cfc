"""`heard_there` and the page docs/heard-there.md."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from retrieval.engine.vocabulary.heard_there import load_heard_there
from retrieval.management.heard_there_page import as_markdown
from retrieval.services.site_overrides import override_sounds

ROOT = Path(__file__).parents[3]


def run(*arguments):
    out = StringIO()
    call_command("heard_there", *arguments, stdout=out)
    return out.getvalue()


def test_the_documentation_page_is_up_to_date():
    page = (ROOT / "docs/heard-there.md").read_text(encoding="utf-8")
    assert page == as_markdown(load_heard_there()) == run("--markdown")


def test_the_page_lists_every_class_once():
    lines = [line for line in as_markdown(load_heard_there()).splitlines() if line[:4] == "- **"]
    assert len(lines) == 1000


@pytest.mark.django_db
def test_a_class_is_found_by_name_or_wnid_and_printed_with_reasons():
    by_name = run("Beacon")
    assert by_name == run("n02814860")
    assert "Waves, surf: surf breaks below the lighthouse" in by_name
    assert "lakeside" not in by_name


@pytest.mark.django_db
def test_overrides_are_printed_but_not_in_the_page():
    override_sounds(wnid="n02814860", sounds={"Foghorn": 1.0}, why="it is always foggy here")
    assert "100.0%  Foghorn: it is always foggy here" in run("beacon")
    assert "Foghorn 100" not in run("--markdown")


@pytest.mark.django_db
def test_an_unknown_class_is_named():
    with pytest.raises(CommandError, match=r"Unknown class: unicorn\..*\[unknown_class\]"):
        run("unicorn")


@pytest.mark.django_db
def test_an_unknown_class_beside_a_known_one_is_named():
    with pytest.raises(CommandError, match=r"Unknown class: unicorn\."):
        run("beacon", "unicorn")
