"""Rows of a report as stored data, and what has changed between two states of them."""

from __future__ import annotations

import gzip
import json
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from labelling.reporting.changes import Changes, changes
from labelling.reporting.row_lines import frozen, thawed
from labelling.reporting.stored_format import StoredFormatError
from labelling.tests.report_examples import make_rows

STORED = Path(__file__).parents[1] / "stored" / "rows-1.jsonl.gz"

NOTHING = Changes(0, 0, 0, 0, 0)


def without_keys(rows):
    return replace(rows, graders=tuple(replace(one, key=0) for one in rows.graders))


def same(left, right):
    """Compare rows, their types too."""
    if is_dataclass(left):
        assert type(left) is type(right)
        return all(same(getattr(left, one.name), getattr(right, one.name)) for one in fields(left))
    if isinstance(left, np.ndarray):
        assert left.dtype.kind == right.dtype.kind
        return bool(np.array_equal(left, right, equal_nan=left.dtype.kind == "f"))
    if isinstance(left, tuple) and left and is_dataclass(left[0]):
        return len(left) == len(right) and all(map(same, left, right))
    return left == right


@pytest.mark.parametrize("pairs", [150, 1])
def test_rows_come_back_as_they_were_stored(pairs):
    rows = make_rows(pairs=pairs)
    assert same(thawed(frozen(rows)), without_keys(rows))


def test_rows_of_the_first_version_are_read():
    expected = without_keys(make_rows(pairs=6))
    unknown = np.full_like(expected.found.fit, np.nan)  # a column that came later
    expected = replace(expected, found=replace(expected.found, fit=unknown))
    assert same(thawed(STORED.read_bytes()), expected)


def changed_lines(change):
    """Return stored rows whose lines were changed."""
    head, *lines = map(json.loads, gzip.decompress(frozen(make_rows(pairs=3))).splitlines())
    return gzip.compress("\n".join(map(json.dumps, change(head, lines))).encode())


def test_columns_that_came_or_went_since_do_not_matter():
    new = {"skips", "collection", "probability", "faults"}

    def change(head, lines):
        for grader in head["graders"]:
            del grader["skips"]
            grader["gone"] = 1
        kept = [line for line in lines if line[1] not in new]
        return [head, *kept, ["pairs", "gone", [1, 2, 3]], ["gone", "key", [1]]]

    rows = thawed(changed_lines(change))
    assert rows.pairs.key.tolist() == [1000, 1001, 1002]
    assert rows.pairs.skips.tolist() == [0, 0, 0]
    assert rows.pairs.collection.tolist() == ["", "", ""]
    assert np.isnan(rows.pairs.probability).all()
    assert set(rows.grades.faults) == {()}
    assert rows.graders[1].skips == 0


def test_rows_in_another_format_are_refused():
    data = changed_lines(lambda head, lines: [head | {"format": 2}, *lines])
    for read in (thawed, lambda of: changes(of, make_rows())):
        with pytest.raises(StoredFormatError, match="format 2"):
            read(data)


def test_separators_in_texts_are_kept():
    rows = make_rows(pairs=2)
    odd = np.array(["a\u2028b\nc", "\x85"])
    rows = replace(rows, pairs=replace(rows.pairs, collection=odd))
    assert thawed(frozen(rows)).pairs.collection.tolist() == odd.tolist()


def test_the_same_rows_give_the_same_bytes():
    assert frozen(make_rows()) == frozen(make_rows())


def test_the_data_are_lines_of_json_without_the_graders_keys():
    first, *lines = gzip.decompress(frozen(make_rows(pairs=3))).decode().splitlines()
    head, columns = json.loads(first), [json.loads(line) for line in lines]
    assert head["graders"][1] == {"pseudonym": "G2", "gold_right": 1, "gold_of": 5, "skips": 2}
    assert ["pairs", "key", [1000, 1001, 1002]] in columns
    assert {table for table, _, _ in columns} == {"pairs", "found", "grades"}


def test_nothing_has_changed():
    assert changes(frozen(make_rows()), make_rows()) == NOTHING
    assert not NOTHING


def test_grades_that_came_or_went():
    then = make_rows()
    given = then.grades
    fewer = [one for one in range(len(given.grade)) if one not in {3, 4}]
    now = replace(
        then,
        grades=replace(
            given,
            pair=given.pair[fewer],
            grader=given.grader[fewer],
            grade=given.grade[fewer],
            faults=tuple(given.faults[one] for one in fewer),
            at=tuple(given.at[one] for one in fewer),
        ),
    )
    assert changes(frozen(then), now) == replace(NOTHING, grades_gone=2)
    assert changes(frozen(now), then) == replace(NOTHING, grades_added=2)


def test_a_grade_that_was_given_again_is_another_grade():
    then = make_rows()
    at = (then.grades.at[0].replace(year=2027), *then.grades.at[1:])
    now = replace(then, grades=replace(then.grades, at=at))
    assert changes(frozen(then), now) == replace(NOTHING, grades_added=1, grades_gone=1)


def test_decisions_that_are_new_others_or_gone():
    then = make_rows()
    adjudicated = then.pairs.adjudicated.copy()
    adjudicated[1] = 2.0
    adjudicated[10] = np.nan
    adjudicated[20] = (adjudicated[20] + 1) % 3
    now = replace(then, pairs=replace(then.pairs, adjudicated=adjudicated))
    assert changes(frozen(then), now) == replace(NOTHING, decisions=3)


def test_pairs_that_are_withdrawn_take_their_grades_along():
    then, fewer = make_rows(pairs=20), make_rows(pairs=19)
    now = replace(then, pairs=fewer.pairs, grades=fewer.grades)
    shared = changes(frozen(then), now)
    assert (shared.pairs_withdrawn, shared.pairs_returned) == (1, 0)
    assert changes(frozen(now), then).pairs_returned == 1
