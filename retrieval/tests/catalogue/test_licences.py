from __future__ import annotations

import pytest

from retrieval.catalogue.licences import LICENCES, UNKNOWN, credit_line


def test_a_credit_line_contains_title_author_licence_and_source():
    line = credit_line(
        title="Waves", author="Ada", license_code="CC-BY-4.0", source_url="https://example.org/1"
    )
    assert line == "“Waves” by Ada (CC BY 4.0), https://example.org/1"


@pytest.mark.parametrize(
    ("author", "code", "line"),
    [
        ("Ada", "CC0-1.0", "“Waves” by Ada (CC0 1.0)"),
        ("", "CC-BY-4.0", "“Waves”, author unknown (CC BY 4.0)"),
        ("", UNKNOWN, "“Waves”, author unknown (licence unknown)"),
    ],
)
def test_a_credit_line_with_unknown_parts(author, code, line):
    assert credit_line(title="Waves", author=author, license_code=code) == line


def test_free_licences_allow_any_purpose():
    free = {code for code, licence in LICENCES.items() if licence.free}
    assert free == {
        "CC0-1.0", "Public-Domain", "CC-BY-3.0", "CC-BY-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0",
    }  # fmt: skip
